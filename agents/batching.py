"""Batches out of calls that wait: each caller awaits its own answer, the work is done together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from time import perf_counter
from typing import Generic, Self, TypeVar

from ..errors import ServerError

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")
Send = Callable[[list[ItemT]], AsyncGenerator[tuple[int, AnswerT], None]]


class Batcher(Generic[ItemT, AnswerT]):
    """Single calls, answered out of batches.

    A batch closes when a turn of the event loop brings no new call, or when it is
    full. A caller may stop waiting; the batch goes on without it.

    Args:
        send: takes items and gives (place, answer) of each, in any order; each caller
            goes on as soon as its own answer is there. `answers_in_order` makes one of
            a function that gives all answers together.
        max_batch: the most items that are sent at once.
        serial: send a batch only when the one before has been answered; calls gather
            meanwhile. Else a slow batch holds back only its own callers.
    """

    def __init__(self, send: Send[ItemT, AnswerT], max_batch: int, *, serial: bool = False) -> None:
        self._send, self._max_batch, self._serial = send, max_batch, serial
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[ItemT, asyncio.Future[AnswerT]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def call(self, item: ItemT) -> AnswerT:
        """Send one item and wait for its answer; an error of the batch is raised for all in it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # nobody waits any more for what an event loop left that has ended
            self._loop, self._waiting, self._sending = loop, [], set()
        future: asyncio.Future[AnswerT] = loop.create_future()
        if not self._waiting and not self._is_held:
            loop.call_soon(self._gather, 0)
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

    @property
    def _is_held(self) -> bool:
        return self._serial and bool(self._sending)

    def _gather(self, num_seen: int) -> None:
        """Send what waits, unless more has come since `num_seen` were counted and there is room."""
        if num_seen != len(self._waiting) < self._max_batch:
            asyncio.get_running_loop().call_soon(self._gather, len(self._waiting))
            return
        waiting = [pair for pair in self._waiting if not pair[1].done()]
        num_sent = self._max_batch if self._serial else len(waiting)
        self._waiting = waiting[num_sent:]
        for start in range(0, len(waiting[:num_sent]), self._max_batch):
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
        """Tell those who still wait that no answer will come, and go on with the calls that were held."""
        self._sending.discard(task)
        error = None if task.cancelled() else task.exception()
        for future in futures:
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.cancel()
        if self._serial and self._waiting:
            self._gather(0)


def answers_in_order(send: Callable[[list[ItemT]], Awaitable[Sequence[AnswerT]]]) -> Send[ItemT, AnswerT]:
    """Make a sender of single answers of one that gives as many answers as items, in order."""

    async def one_by_one(items: list[ItemT]) -> AsyncGenerator[tuple[int, AnswerT], None]:
        answers = await send(items)
        if len(answers) != len(items):
            raise ServerError(f"{len(items)} items were sent and {len(answers)} answers came back")
        for pair in enumerate(answers):
            yield pair

    return one_by_one


class BusyClock:
    """The time in which at least one call is under way; used with `with`."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.seconds = 0.0
        self._clock = clock
        self._under_way = 0
        self._since = 0.0

    def __enter__(self) -> Self:
        """Note that a call begins."""
        if self._under_way == 0:
            self._since = self._clock()
        self._under_way += 1
        return self

    def __exit__(self, *_: object) -> None:
        """Note that a call ended."""
        self._under_way -= 1
        if self._under_way == 0:
            self.seconds += self._clock() - self._since

    @property
    def so_far(self) -> float:
        """Return the seconds with those of the calls that are under way."""
        return self.seconds + (self._clock() - self._since if self._under_way else 0.0)
