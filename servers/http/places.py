"""Which tasks of hosted runs are played by connections, so that no two take the same one."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from ..benchmarks.runs import Run


class Places:
    """Tasks that are taken, by run and number."""

    def __init__(self) -> None:
        self.taken: set[tuple[str, int]] = set()
        self._orders: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def order(self, run: Run) -> asyncio.Lock:
        """Return what is held while a place at a run is looked for and its task is dealt."""
        return self._orders.setdefault(run.id, asyncio.Lock())

    def take(self, run: Run) -> int:
        """Take the first open task that nobody plays, or the next one; return its number."""
        free = (number for number in run.open_tasks if (run.id, number) not in self.taken)
        number = next(free, len(run.dealt))
        self.taken.add((run.id, number))
        return number

    def leave(self, run: Run, number: int) -> None:
        """Leave a task to whoever comes."""
        self.taken.discard((run.id, number))
