"""Where control groups can be made, and the sweeping of those that dead processes left.

Version 1 has a tree for each controller; version 2 one tree, in which a group that has processes gives
its controllers to no child. So there either the root gives them, or a group that was delegated to this
process: what runs in it moves into a leaf, and then it gives them.
Sources: cgroups(7), docs.kernel.org/admin-guide/cgroup-v2.html, systemd.io/CGROUP_DELEGATION.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from .keeper.cgroups import Places, remove, started

_NAME = re.compile(r"turnwise-(\d+)-(\d+)-(\d+)-(\d+)-(\d+)$")
"""The server, when it started, the name space of both processes, the keeper, when it started."""
_CONTROLLERS = ("memory", "pids", "cpu")
_NEEDED = {"memory", "pids"}
_MOUNT, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_LEAF = "turnwise-server"
_DELEGATED = ("user.delegate", "trusted.delegate")


def find() -> Places:
    """Return where keepers of this process may make groups, or places of version 0."""
    name = f"turnwise-{os.getpid()}-{started(os.getpid())}-{_name_space()}"
    own = {}
    for line in _OWN.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(",") if controllers else ["unified"]:
            own[controller] = path
    first = {
        controller: f"{parent}/{name}"
        for controller in _CONTROLLERS
        if (parent := _parent(f"{_MOUNT}/{controller}", own.get(controller)))
    }
    if first.keys() >= _NEEDED:
        return Places(1, first["memory"], first["pids"], first.get("cpu", ""))
    return _second(name, own.get("unified"))


def _parent(mount: str, path: str | None) -> str:
    """Return the folder of one's own group, or the mount's where that is hidden; empty if read-only."""
    if path is None:
        return ""
    for folder in (f"{mount}{path}".rstrip("/"), mount):
        if Path(folder, "cgroup.procs").exists():
            return folder if os.access(folder, os.W_OK) else ""
    return ""


def _second(name: str, path: str | None) -> Places:
    """Return a place in the one tree: below a group that gives its controllers, or can be made to."""
    own = _MOUNT / (path or "/").lstrip("/")
    for folder in dict.fromkeys((own, _MOUNT)):
        given = _words(folder / "cgroup.subtree_control")
        if not given >= _NEEDED and folder == own and _is_ours(folder):
            given = give(folder, _CONTROLLERS)
        if given >= _NEEDED and os.access(folder, os.W_OK):
            place = str(folder / name)
            return Places(2, place, place, place if "cpu" in given else "")
    return Places()


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text().split())
    except OSError:
        return set()


def _is_ours(folder: Path) -> bool:
    """Return whether a group was delegated: with systemd's mark, as a container's root, to a plain user."""
    if not os.access(folder / "cgroup.subtree_control", os.W_OK):
        return False
    if os.geteuid() or folder == _MOUNT:
        return True
    return any(name in _DELEGATED for name in os.listxattr(folder))


def give(folder: Path, controllers: tuple[str, ...]) -> set[str]:
    """Have a delegated group give controllers to its children; return those that it gives then."""
    wanted = _words(folder / "cgroup.controllers") & set(controllers)
    leaf = folder / _LEAF
    try:
        leaf.mkdir(exist_ok=True)
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)
        (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(wanted)))
    except OSError:
        return set()
    return wanted


def _name_space() -> int:
    """Return the number of the name space in which process numbers of here mean something."""
    return Path("/proc/self/ns/pid").stat().st_ino


def sweep() -> tuple[int, int]:
    """Remove the groups of servers and keepers that have ended, as far as nothing runs in them any more.

    Returns:
        For how many keepers they are gone, and for how many some are still there.
    """
    gone, there = set[str](), set[str]()
    for folder, below, _ in os.walk(_MOUNT):
        for name in list(below):
            found = _NAME.match(name)
            if found is None:
                continue
            below.remove(name)
            if _is_left_over(found):
                (gone if remove(f"{folder}/{name}") else there).add(name)
    return len(gone - there), len(there)


def living() -> bool:
    """Tell whether boxes of a server run, or may run in a name space of processes that is not seen here."""
    return any(
        (found := _NAME.match(name)) and not _is_left_over(found)
        for _, below, _ in os.walk(_MOUNT)
        for name in below
    )


def _is_left_over(name: re.Match[str]) -> bool:
    server, began, name_space, keeper, kept_since = map(int, name.groups())
    return name_space == _name_space() and (started(server) != began or started(keeper) != kept_since)
