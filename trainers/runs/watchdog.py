"""Who waits for whom, said once a minute where nothing moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Protocol

from ...agents.rollout.board import Board, Standing, Waiting
from .timeline import Timeline

_STILL_S = 60.0
_NAMED = 3  # episodes, those that have waited for longest
_FOR: dict[Standing, str] = {
    "policy": "the engine",
    "environment": "an environment",
    "others": "the others in lock-step",
    "program": "their programs",
}


class Watchdog:
    """What looks whether a run moves, and says who waits for whom where it does not.

    The learner at work is no standstill, however long it takes.

    Args:
        board: where episodes stand.
        timeline: what the learner does.
        say: takes a line of the log, whose "said" is meant for people.
        still_s: how long nothing may move, and how long there is between two lines.
        clock: of board and timeline.
    """

    def __init__(
        self,
        board: Board,
        timeline: Timeline,
        say: Callable[[dict[str, Any]], None],
        still_s: float = _STILL_S,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._board, self._timeline, self._say = board, timeline, say
        self._still_s, self._clock = still_s, clock
        self._told = clock()

    def look(self) -> None:
        """Say who waits for whom, if nothing has moved and nothing was said for long enough."""
        now, doing = self._clock(), self._timeline.doing
        still = now - max(self._board.moved, self._timeline.since)
        if doing in ("wait", "sync") and min(still, now - self._told) >= self._still_s:
            self._told = now
            self._say({"kind": "standstill", "waiting/seconds": still, **self._found(now)})

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._still_s / 4)
            self.look()

    def _found(self, now: float) -> dict[str, Any]:
        waiting = {phase: self._board.waiting(phase) for phase in _FOR}
        idle = now - self._timeline.since
        for_what = "weights to arrive" if self._timeline.doing == "sync" else "episodes"
        parts = [_told(each, _FOR[phase], now) for phase, each in waiting.items() if each]
        said = f"waiting: {', '.join(parts) or 'no episode'}"
        return {
            **{f"waiting/{phase}": len(each) for phase, each in waiting.items()},
            "waiting/learner_seconds": idle,
            "said": f"{said}; the learner for {for_what} since {idle:.0f} s",
        }


def _told(waiting: Sequence[Waiting], for_whom: str, now: float) -> str:
    named = ", ".join(f"{each.episode} since {now - each.since:.0f} s" for each in waiting[:_NAMED])
    more = ", ..." if len(waiting) > _NAMED else ""
    return f"{len(waiting)} for {for_whom} ({named}{more})"


class Watches(Protocol):
    """What looks for as long as it is let."""

    async def watch(self) -> None:
        """Look for ever."""
        ...


@asynccontextmanager
async def watching(*watchers: Watches) -> AsyncIterator[None]:
    """Let some look meanwhile."""
    tasks = [asyncio.create_task(each.watch()) for each in watchers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
