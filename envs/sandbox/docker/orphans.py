"""What an engine forgets of a container whose start was cut short by the end of containerd.

The engine starts a container through containerd, which has a process of its own watch over it (the shim).
When containerd is killed in between, the engine takes the container for one that never ran: its removal
leaves the shim, the first process if there was one by then, and control groups, and nothing in the engine's
interface ends these any more (a second start says "already exists"). Here they are found by the container's
id, before the engine forgets that too. Sources: containerd, runtime/v2/README.md ("-id"); pid_namespaces(7),
that with its first process all others of a container end; pidfd_open(2), which keeps a number from becoming
another's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

_SHIM = b"containerd-shim"
_GROUPS = Path("/sys/fs/cgroup")
_GONE_S = 5.0


def end(container: str, patience_s: float = 0.0, groups: Path = _GROUPS) -> int:
    """End what watches over a container that the engine does not run, with what is below; remove its groups.

    Args:
        container: its whole id.
        patience_s: how long it may take to end by itself.
        groups: where control groups are.

    Returns:
        How many processes were ended, without those that ended with them.
    """
    until = time.monotonic() + patience_s
    while watchers := [pid for pid in _processes() if _watches(pid, container)]:
        if time.monotonic() >= until:
            break
        time.sleep(0.05)
    below = [(pid, watcher) for pid in _processes() for watcher in watchers if _parent(pid) == watcher]
    num_ended = sum(_kill(pid, watcher, container) for pid, watcher in below)
    num_ended += sum(_kill(watcher, watcher, container) for watcher in watchers)
    _remove_groups(container, groups)
    return num_ended


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _watches(pid: int, container: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    after = dict(pairwise(words))
    return words[0].rpartition(b"/")[2].startswith(_SHIM) and after.get(b"-id") == container.encode()


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def _kill(pid: int, watcher: int, container: str) -> bool:
    """Kill a process if it still is what it was taken for: the watcher, or a child of it."""
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if watcher not in (pid, _parent(pid)) or not _watches(watcher, container):
            return False
        signal.pidfd_send_signal(held, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(held)
    return True


def _remove_groups(container: str, groups: Path) -> None:
    """Remove control groups of this name, once their processes have ended."""
    until = time.monotonic() + _GONE_S
    left = list(_groups(container, groups))
    while left and time.monotonic() < until:
        for group in left:
            with contextlib.suppress(OSError):  # a process of it is not quite gone
                group.rmdir()
        left = [group for group in left if group.exists()]
        time.sleep(0.05 if left else 0)


def _groups(container: str, groups: Path) -> Iterator[Path]:
    for folder, below, _ in os.walk(groups):
        yield from (Path(folder, name) for name in below if name in (container, f"docker-{container}.scope"))
