"""What holds a rollout while somebody has paused it, and bounds what it still begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .board import Board
from .config import TaskItem


class Gate:
    """The way that every message and step of a rollout goes through.

    Args:
        board: where the episodes stand that go through it.

    While it is shut, episodes stand where they are and their deadlines stand still; when it opens they go on
    in the order in which they came, so that lock-step makes the same batches as without a pause.

    Attributes:
        slots: how many episodes may be under way; 0 is what the rollout was given.
        ending: begin no further episode.
        admits: tells whether a task is begun at all.
        changed: called when one of these has changed.
    """

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or Board()
        self._open = asyncio.Event()
        self._open.set()
        self.slots = 0
        self.ending = False
        self.admits: Callable[[TaskItem], bool] = lambda task: True
        self.changed: Callable[[], None] = lambda: None

    @property
    def is_open(self) -> bool:
        """Tell whether anybody is held."""
        return self._open.is_set()

    def shut(self) -> None:
        """Hold everybody who comes."""
        self._open.clear()

    def open(self) -> None:
        """Let everybody go on."""
        self._open.set()

    async def passed(self) -> None:
        """Wait until it is open."""
        await self._open.wait()


@contextmanager
def standing_still(deadline: asyncio.Timeout | None) -> Iterator[None]:
    """Let a deadline stand still meanwhile."""
    clock = asyncio.get_running_loop().time
    due = deadline.when() if deadline else None
    if deadline is None or due is None:
        yield
        return
    left_s = due - clock()
    deadline.reschedule(None)
    yield
    deadline.reschedule(clock() + left_s)
