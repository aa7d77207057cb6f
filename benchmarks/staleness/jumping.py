"""An event loop whose time jumps to the next timer: hours of waiting are simulated in a moment."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class _Jumping(selectors.SelectSelector):
    """A selector that never waits: what it would have waited is added to the time."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None:
            self.now += max(0.0, timeout)
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop on simulated time, for one coroutine and what it starts; threads are not waited for."""

    def __init__(self) -> None:
        self._clock = _Jumping()
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the simulated time, in seconds."""
        return self._clock.now


def simulated(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a coroutine on simulated time."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
