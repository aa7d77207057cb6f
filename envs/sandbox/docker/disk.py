"""How much a box has written: asked of the engine's folders where they are here, else of the engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from .engine import Engine


class Used(NamedTuple):
    """What is written above the image of a container."""

    num_bytes: int
    num_files: int


def upper_folder(inspected: dict[str, Any]) -> Path | None:
    """Return the folder of a container's changes, if this process may look into it."""
    place = ((inspected.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir")
    return Path(place) if place and os.access(place, os.R_OK | os.X_OK) else None


async def used(engine: Engine, container: str, upper: Path | None, enough: Used) -> Used:
    """Measure what a container has written.

    Args:
        engine: where.
        container: which.
        upper: the folder of its changes, if it can be read here.
        enough: counting ends where one of these is passed.
    """
    if upper is not None:
        counted: Used = await engine.run(count, upper, enough)
        return counted
    found = await engine.call("containers", all=True, size=True, filters={"id": container})
    return Used(int(found[0].get("SizeRw") or 0) if found else 0, 0)


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
