"""What the kernel knows of the processes of containers, where they are this machine's.

The engine hears of an end through containerd: later than it came, on a busy machine by seconds, and never
when containerd was killed meanwhile, since what watches over a container says it a few times and no more.
Sources: containerd, runtime/v2/shim/publisher.go (five more tries in 15 s); proc(5), "/proc/pid/stat";
linux/sched.h (PF_EXITING).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

UNHEARD_S = 20.0
"""How long the engine may take to hear of the end of a process, in seconds."""

_EXITING = 0x4


def is_of(pid: int, container: str) -> bool:
    """Tell whether a number of the engine's is that of a process of this container here too."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def has_ended(pid: int) -> bool:
    """Tell whether there is no such process, or it is about to be none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    fields = text.rpartition(")")[2].split()
    return fields[0] in "ZX" or bool(int(fields[6]) & _EXITING)


def is_behind(state: Mapping[str, Any]) -> bool:
    """Tell whether the engine takes for running what has ended.

    Args:
        state: what it says of a container or a command whose number means the same here.
    """
    return bool(state["Running"] and state["Pid"]) and has_ended(state["Pid"])
