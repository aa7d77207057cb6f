"""How much a box has written: asked of the engine's folders where they are here, else of the engine.

Files that were deleted while a process holds them open take room too; they are found by the processes.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

from ..box import Limits
from .engine import Engine


class Used(NamedTuple):
    """What is written above the image of a container."""

    num_bytes: int
    num_files: int


def limit_text(limits: Limits) -> str:
    """Say what a box may hold."""
    return f"the box may hold {limits.disk_bytes} bytes in {limits.num_files} files"


class Place(NamedTuple):
    """Where on this machine a container's changes and processes can be seen.

    Args:
        upper: the folder of its changes.
        processes: the file in which the kernel lists its processes, where there is one.
    """

    upper: Path
    processes: Path | None


def place_of(inspected: dict[str, Any]) -> Place | None:
    """Return where to look, if this process may."""
    upper = ((inspected.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir")
    if not upper or not os.access(upper, os.R_OK | os.X_OK):
        return None
    return Place(Path(upper), _list_of_processes(inspected["State"]["Pid"]))


def _list_of_processes(first: int) -> Path | None:
    try:
        lines = Path(f"/proc/{first}/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        _, names, path = line.split(":", 2)
        for root in (f"/sys/fs/cgroup/{names}", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            found = Path(f"{root}{path}/cgroup.procs")
            if path != "/" and found.is_file():
                return found
    return None


async def used(engine: Engine, container: str, place: Place | None, enough: Used) -> Used:
    """Measure what a container has written.

    Args:
        engine: where.
        container: which.
        place: where it can be seen here, if it can.
        enough: counting ends where one of these is passed.
    """
    if place is not None:
        counted: Used = await engine.run(_count_all, place, enough)
        return counted
    found = await engine.call("containers", all=True, size=True, filters={"id": container})
    return Used(int(found[0].get("SizeRw") or 0) if found else 0, 0)


def _count_all(place: Place, enough: Used) -> Used:
    named, nameless = count(place.upper, enough), count_nameless(place.processes)
    return Used(named.num_bytes + nameless.num_bytes, named.num_files + nameless.num_files)


def count_nameless(processes: Path | None) -> Used:
    """Count files without a name that these processes hold open."""
    seen: dict[tuple[int, int], int] = {}
    try:
        numbers = processes.read_text(encoding="ascii").split() if processes else []
    except OSError:
        return Used(0, 0)
    for number in numbers:
        try:
            files = list(os.scandir(f"/proc/{number}/fd"))
        except OSError:
            continue
        for file in files:
            try:
                info = file.stat()
                in_memory = str(Path(file.path).readlink()).startswith(("/memfd:", "/dev/shm/"))
            except OSError:
                continue
            if stat.S_ISREG(info.st_mode) and not info.st_nlink and not in_memory:
                seen[info.st_dev, info.st_ino] = info.st_blocks * 512
    return Used(sum(seen.values()), len(seen))


def count(folder: Path, enough: Used) -> Used:
    """Count the bytes on the disk (blocks, not lengths) and the files below a folder.

    Names that come and go meanwhile are as good as not there; a file with several names counts once.
    """
    num_bytes, num_files, seen = 0, 0, set()
    left = [os.fspath(folder)]
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                info = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            num_files += 1
            if entry.is_dir(follow_symlinks=False):
                left.append(entry.path)
            if info.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                if info.st_ino in seen:
                    continue
                seen.add(info.st_ino)
            num_bytes += info.st_blocks * 512
        if num_bytes > enough.num_bytes or num_files > enough.num_files:
            break
    return Used(num_bytes, num_files)
