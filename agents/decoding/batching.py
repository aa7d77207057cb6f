"""Batches out of calls that wait: each caller awaits its own, the work runs together.

While one batch runs in a worker thread, the next one gathers. A batch closes
when a turn of the event loop brings no new call, or when it is full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

__all__ = ["Batcher"]

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


class Batcher(Generic[JobT, ResultT]):
    """Run a function on batches of what callers submit, one batch at a time.

    Args:
        run: turns a list of jobs into as many results, in order; runs in `executor`.
        executor: one worker thread.
        max_batch: the largest batch.
    """

    def __init__(
        self, run: Callable[[list[JobT]], Sequence[ResultT]], executor: Executor, max_batch: int
    ) -> None:
        self._run, self._executor, self._max_batch = run, executor, max_batch
        self._waiting: list[tuple[JobT, asyncio.Future[ResultT]]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, job: JobT) -> ResultT:
        """Wait for the result of a job; an error of its batch is raised for every caller in it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ResultT] = loop.create_future()
        self._waiting.append((job, future))
        # A task of an event loop that has ended cannot serve this one.
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._waiting = [(job, future)]
            self._task = loop.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            seen = 0
            while seen != len(self._waiting) < self._max_batch:
                seen = len(self._waiting)
                await asyncio.sleep(0)
            batch = [item for item in self._waiting[: self._max_batch] if not item[1].done()]
            self._waiting = self._waiting[self._max_batch :]
            if batch:
                running = loop.run_in_executor(self._executor, self._run, [job for job, _ in batch])
                await asyncio.wait([running])
                _settle([future for _, future in batch], running)


def _settle(futures: Sequence[asyncio.Future[ResultT]], running: asyncio.Future[Sequence[ResultT]]) -> None:
    """Hand the results of a batch, or its error, to those who still wait."""
    error = running.exception()
    for place, future in enumerate(futures):
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(running.result()[place])
