"""A rate of calls, and a number at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ...errors import UsageError


class Throttle:
    """At most `concurrent` calls at once, and `per_minute` starts a minute.

    Starts are spaced evenly, so that a burst does not spend the whole minute.

    Args:
        concurrent: calls at once.
        per_minute: starts a minute; None is no limit.
    """

    def __init__(self, concurrent: int, per_minute: float | None = None) -> None:
        if concurrent < 1 or (per_minute is not None and not per_minute > 0):
            raise UsageError(f"expected positive limits, got {concurrent} at once, {per_minute} a minute")
        self._places = asyncio.Semaphore(concurrent)
        self._interval_s = 60.0 / per_minute if per_minute else 0.0
        self._next_start_s = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        async with self._places:
            await self._wait_for_start()
            yield

    def pause(self, seconds: float) -> None:
        """Let no call start for a while, because the other end asked for it."""
        now = asyncio.get_running_loop().time()
        self._next_start_s = max(self._next_start_s, now + seconds)

    async def _wait_for_start(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait_s := self._next_start_s - loop.time()) > 0:
            await asyncio.sleep(wait_s)
        self._next_start_s = loop.time() + self._interval_s
