"""Memory that was freed, and that C's allocator keeps.

glibc gives blocks below 32 MiB back to the system only from the top of a heap, and each thread has heaps of
its own (malloc(3), mallopt(3)): what a rollout has freed is of no use to the learner's thread, and the other
way round, so that the peaks of both would add up. Here all threads that begin later share the first heap
(M_ARENA_MAX, mallopt(3)), and `malloc_trim` (malloc_trim(3)) gives back every free page.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_STATM = Path("/proc/self/statm")
_M_ARENA_MAX = -8  # malloc.h
_AT_LEAST = 1 << 30  # less is not worth the half second that a gigabyte takes


class Heap:
    """The memory of this process, one heap for all threads that begin after it was made.

    Args:
        at_least: bytes that it must have grown by until anything is given back.
    """

    def __init__(self, at_least: int = _AT_LEAST) -> None:
        library = ctypes.CDLL(None)
        self._trim = getattr(library, "malloc_trim", None)  # glibc alone has it
        if self._trim is not None:
            library.mallopt(_M_ARENA_MAX, 1)
        self._at_least = at_least
        self._before = 0

    def give_back(self) -> None:
        """Give back what is free, where much may be."""
        if self._trim is None or resident() < self._before + self._at_least:
            return
        self._trim(0)
        self._before = resident()


def resident() -> int:
    """Return how many bytes of memory this process takes; 0 where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
