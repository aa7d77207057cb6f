"""The time by which deadlines and weeks are counted: it never goes back, and never stands still."""

from __future__ import annotations

import time
from collections.abc import Callable


class SteadyClock:
    """Unix seconds that pass at least as fast as they do, whatever is done to the clock of the machine.

    A clock that is put back would give every open run its time again. One that is put forward, as after the
    machine has slept, counts.

    Args:
        wall: Unix seconds.
        passed: seconds that only ever rise.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, passed: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._passed = wall, passed
        self._at, self._since = wall(), passed()

    def __call__(self) -> float:
        """Return the time."""
        passed = self._passed()
        self._at = max(self._at + passed - self._since, self._wall())
        self._since = passed
        return self._at
