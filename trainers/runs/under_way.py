"""What an update is at, shown while it lasts long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from ...agents.rollout.board import Board
from .timeline import Phase, Timeline

_WORDS: dict[Phase, str] = {
    "sync": "weights go to the engine",
    "wait": "playing",
    "credit": "credit",
    "learner": "learning",
}


class UnderWay:
    """What looks at an update and tells what it is at, once that has lasted for a while.

    Args:
        board: where episodes stand.
        timeline: what the learner does.
        show: takes the words.
        every_s: how long lies between two of them, and how long a phase lasts before the first.
        clock: of board and timeline.
    """

    def __init__(
        self,
        board: Board,
        timeline: Timeline,
        show: Callable[[str], None],
        every_s: float,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._board, self._timeline, self._show = board, timeline, show
        self._every_s, self._clock = every_s, clock
        self._since, self._before, self._told = 0.0, 0, 0.0

    def look(self) -> None:
        """Tell what is under way, if it lasts and nothing was told for long enough."""
        timeline, now = self._timeline, self._clock()
        if timeline.since != self._since:  # another phase
            self._since = self._told = timeline.since
            self._before = self._board.messages
        if timeline.doing and now - self._told >= self._every_s:
            self._told = now
            self._show(f"{_WORDS[timeline.doing]} for {now - self._since:.0f} s{self._counted()}")

    def _counted(self) -> str:
        if self._timeline.doing != "wait":
            return ""
        board = self._board
        if programs := len(board.waiting("program")):
            return f": {programs} programs under way"
        return f": {board.under_way} under way, {board.messages - self._before} messages so far"

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._every_s / 4)
            self.look()
