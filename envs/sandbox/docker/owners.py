"""Who made a container or an image, written on it as labels, and whether that process still lives.

`turnwise.owner` is `<pid>:<start time>:<boot id>`. The number of a process means something only in its own
name space of processes, which is therefore written beside it: what another name space made is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

OWNER = "turnwise.owner"
NAMESPACE = "turnwise.owner.pidns"
MAKER = "turnwise.maker"
"""The backend that made it; a process may have several."""
BOX = "turnwise.box"
CACHED = "turnwise.cached"
"""Of images that are kept for the next time; they have no owner."""


def owned() -> dict[str, str]:
    """Return the labels of what this process makes."""
    return {OWNER: f"{os.getpid()}:{_born(os.getpid())}:{_boot()}", NAMESPACE: _namespace()}


def is_left_over(labels: Mapping[str, str], *, is_local: bool) -> bool:
    """Tell whether these are labels of a process of this machine that is gone.

    Args:
        labels: of a container or an image.
        is_local: whether the engine is of this machine, so that an owner from before its start is gone too.
    """
    pid, _, rest = labels.get(OWNER, "").partition(":")
    born, _, boot = rest.partition(":")
    if not pid.isdecimal() or not boot:
        return False
    if boot != _boot():
        return is_local
    return labels.get(NAMESPACE) == _namespace() and _born(int(pid)) != born


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@cache
def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def _born(pid: int) -> str:
    """Tell when a process started, in ticks since the machine did; "" if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
