"""Where control groups can be made, and the sweeping of those that dead processes left.

Version 1 has a tree for each controller; version 2 one tree, in which a group that has processes gives
its controllers to no child, so that either the root itself or a delegated group is needed.
Sources: cgroups(7), docs.kernel.org/admin-guide/cgroup-v2.html.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .keeper.cgroups import Places, remove

_NAME = re.compile(r"turnwise-(\d+)-(\d+)(?:-\w+)?$")
_CONTROLLERS = ("memory", "pids", "cpu")


def started(pid: int) -> int:
    """Return when a process started, in ticks since the machine did; 0 if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


def find(token: str) -> Places:
    """Return where this process may make groups, or places of version 0.

    Args:
        token: what tells this keeper's folders from others of the same process.
    """
    name = f"turnwise-{os.getpid()}-{started(os.getpid())}-{token}"
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(",") if controllers else ["unified"]:
            own[controller] = path
    first = {
        controller: f"{parent}/{name}"
        for controller in _CONTROLLERS
        if (parent := _parent(f"/sys/fs/cgroup/{controller}", own.get(controller)))
    }
    if {"memory", "pids"} <= first.keys():
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
    """Return a place in the one tree: below a group that has the controllers to give."""
    root = Path("/sys/fs/cgroup")
    for folder in (root / (path or "/").lstrip("/"), root):
        try:
            given = set((folder / "cgroup.subtree_control").read_text().split())
        except OSError:
            continue
        if {"memory", "pids"} <= given and os.access(folder, os.W_OK):
            place = str(folder / name)
            return Places(2, place, place, place if "cpu" in given else "")
    return Places()


def sweep() -> int:
    """Remove the groups of processes that have ended; return how many boxes and keepers they stood for."""
    gone: set[str] = set()
    for folder, below, _ in os.walk("/sys/fs/cgroup"):
        for name in list(below):
            found = _NAME.match(name)
            if found is None:
                continue
            below.remove(name)
            if started(int(found[1])) != int(found[2]) and remove(f"{folder}/{name}"):
                gone.add(name)
    return len(gone)
