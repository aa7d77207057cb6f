"""Gather calls that are made in the same moment into one call of many items."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from time import perf_counter
from typing import Generic, Self, TypeVar

from ...errors import ServerError

__all__ = ["BusyClock", "Gatherer", "whole"]

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")
SendEach = Callable[[list[ItemT]], AsyncGenerator[tuple[int, AnswerT], None]]


class BusyClock:
    """Measure the time in which at least one call is under way; use it with `with`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._under_way = 0
        self._since = 0.0

    def __enter__(self) -> Self:
        """Note that a call begins."""
        if self._under_way == 0:
            self._since = perf_counter()
        self._under_way += 1
        return self

    def __exit__(self, *_: object) -> None:
        """Note that a call ended."""
        self._under_way -= 1
        if self._under_way == 0:
            self.seconds += perf_counter() - self._since


class Gatherer(Generic[ItemT, AnswerT]):
    """Answer single calls out of batches.

    Calls made in one turn of the event loop go out together in the next one; a
    batch that is slow holds back only its own callers. A caller may stop waiting;
    the batch goes on without it.

    Args:
        send: takes items and gives (place, answer) of each, in any order; each caller
            goes on as soon as its own answer is there. `whole` makes one of a
            function that gives all answers at once.
        max_batch: the most items that are sent at once.
    """

    def __init__(self, send: SendEach[ItemT, AnswerT], max_batch: int) -> None:
        self._send = send
        self._max_batch = max_batch
        self._waiting: list[tuple[ItemT, asyncio.Future[AnswerT]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def call(self, item: ItemT) -> AnswerT:
        """Send one item and wait for its answer; an error of the batch is raised for all in it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[AnswerT] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((item, future))
        return await future

    async def settle(self) -> None:
        """Wait for what is under way, whoever still waits for it."""
        if self._sending:
            await asyncio.wait(set(self._sending))

    def abandon(self) -> None:
        """Stop waiting for what is under way."""
        for task in self._sending:
            task.cancel()

    def _flush(self) -> None:
        waiting = [pair for pair in self._waiting if not pair[1].done()]
        self._waiting = []
        for start in range(0, len(waiting), self._max_batch):
            batch = waiting[start : start + self._max_batch]
            futures = [future for _, future in batch]
            task = asyncio.get_running_loop().create_task(self._deliver([item for item, _ in batch], futures))
            self._sending.add(task)
            task.add_done_callback(partial(self._end, futures))

    async def _deliver(self, items: list[ItemT], futures: list[asyncio.Future[AnswerT]]) -> None:
        num_answers = 0
        async with aclosing(self._send(items)) as answers:
            async for place, answer in answers:
                num_answers += 1
                if not futures[place].done():  # its caller may have stopped waiting
                    futures[place].set_result(answer)
        if num_answers != len(items):
            raise ServerError(f"{len(items)} items were sent and {num_answers} answers came back")

    def _end(self, futures: list[asyncio.Future[AnswerT]], task: asyncio.Task[None]) -> None:
        """Tell those who still wait that no answer will come."""
        self._sending.discard(task)
        error = None if task.cancelled() else task.exception()
        for future in futures:
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.cancel()


def whole(send: Callable[[list[ItemT]], Awaitable[Sequence[AnswerT]]]) -> SendEach[ItemT, AnswerT]:
    """Make a sender of single answers of one that gives as many answers as items, in order."""

    async def each(items: list[ItemT]) -> AsyncGenerator[tuple[int, AnswerT], None]:
        answers = await send(items)
        if len(answers) != len(items):
            raise ServerError(f"{len(items)} items were sent and {len(answers)} answers came back")
        for place, answer in enumerate(answers):
            yield place, answer

    return each
