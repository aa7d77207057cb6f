"""Steps of many sessions, asked for again and again until each is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace

from ...errors import RequestRefused, ServerError, ServerUnreachable
from ..protocol.calls import CALLS
from ..protocol.encoding import encode_given
from ..protocol.types import Problem, Reply, StepItem, places_of
from .requests import NotNow, Requests, members, settled
from .retry import Budget
from .transports.base import TransportFailed

MAX_ITEMS = 1024
_PAUSE_S = 0.05
_STEPS = CALLS["steps"]

Row = Reply | Problem
Answers = AsyncGenerator[tuple[int, Row], None]
Together = AsyncGenerator[Iterable[tuple[int, Row]], None]  # what came together; nothing: the server lives
Ask = Callable[[Sequence[StepItem]], Together]


class Steps:
    """The steps of one client.

    Args:
        requests: carry them.
        wait_s: how long the server may hold a request before it answers that steps still run.
        timeout_s: how long steps may take in all while the server says that they run.
    """

    def __init__(self, requests: Requests, wait_s: float, timeout_s: float) -> None:
        self._requests, self._wait_s, self._timeout_s = requests, wait_s, timeout_s

    async def together(self, items: Sequence[StepItem]) -> list[Row]:
        """Take steps, and return the answers in order when all are done."""
        rows: dict[int, Row] = {}
        for start in range(0, len(items), MAX_ITEMS):
            async with aclosing(self._until_settled(items, start, self._batch)) as answers:
                rows |= {place: row async for place, row in answers}
        return [rows[place] for place in range(len(items))]

    def as_done(self, items: Sequence[StepItem]) -> Answers:
        """Take steps of different sessions, and give (place in `items`, answer) as each is done.

        Raises:
            UsageError: if a session is named twice.
        """
        places_of(items)
        few = len(items) <= MAX_ITEMS
        return self._until_settled(items, 0, self._stream) if few else self._side_by_side(items)

    async def _side_by_side(self, items: Sequence[StepItem]) -> Answers:
        """Take more steps than one request may carry, by several at once."""
        found: asyncio.Queue[tuple[int, Row] | ServerError] = asyncio.Queue()
        starts = range(0, len(items), MAX_ITEMS)
        tasks = [asyncio.create_task(self._feed(items, start, found)) for start in starts]
        try:
            for _ in items:
                row = await found.get()
                if isinstance(row, ServerError):
                    raise row
                yield row
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(
        self, items: Sequence[StepItem], start: int, found: asyncio.Queue[tuple[int, Row] | ServerError]
    ) -> None:
        try:
            async with aclosing(self._until_settled(items, start, self._stream)) as answers:
                async for answer in answers:
                    found.put_nowait(answer)
        except ServerError as error:
            found.put_nowait(error)

    async def _until_settled(self, items: Sequence[StepItem], start: int, ask: Ask) -> Answers:
        """Ask for as many steps as one request may carry until each is answered.

        Raises:
            ServerUnreachable: if the server gives no answer, or some still run when the time is up.
            ServerError: if what answers is not a turnwise server of this protocol.
        """
        left = dict(enumerate(items[start : start + MAX_ITEMS], start))
        budget, give_up = self._requests.budget(), time.monotonic() + self._timeout_s
        while left:
            places, reason, at_least_s = list(left), "", _PAUSE_S
            try:
                async with aclosing(ask(list(left.values()))) as answers:
                    async for rows in answers:
                        budget.renew()
                        for number, row in rows:
                            if settled(row) and left.pop(places[number], None) is not None:
                                yield places[number], row
            except TransportFailed as error:
                reason, at_least_s = str(error), 0.0
                self._requests.unanswered(reason, budget)
            except NotNow as refusal:
                reason, at_least_s = refusal.reason, refusal.at_least_s
            except RequestRefused as refusal:  # of the whole: one of each item
                problem = Problem(refusal.status, refusal.code, refusal.detail, expected=refusal.expected)
                for place, item in left.items():
                    yield place, replace(problem, id=item.id)
                return
            if left:
                await self._pause(budget, give_up, at_least_s, reason, f"{len(left)} of {len(places)} steps")

    async def _pause(self, budget: Budget, give_up: float, at_least_s: float, reason: str, left: str) -> None:
        pause_s = budget.next_wait_s(at_least_s)
        where = f"{self._requests.address}{_STEPS.path}"
        if pause_s is None:
            raise ServerUnreachable(
                f"{where} has not answered {left}; the last: {reason or 'steps still run'}. "
                "Is the server running there (`turnwise serve`)?"
            )
        if time.monotonic() > give_up:
            raise ServerUnreachable(
                f"{where}: {left} still run after {self._timeout_s:g} s; "
                "raise step_timeout_s, or serve the environment with a deadline"
            )
        await self._requests.sleep(pause_s)

    async def _batch(self, items: Sequence[StepItem]) -> Together:
        """Ask for steps once; give the answers when all are done or `wait_s` is over."""
        content = encode_given({"items": [members(item) for item in items]}, "the steps")
        document = await self._requests.once("POST", _STEPS.path, content, self._wait_s)
        yield enumerate(self._requests.rows(document, _STEPS, len(items)))

    async def _stream(self, items: Sequence[StepItem]) -> Together:
        """Ask for steps once; give the answers as they come."""
        places = places_of(items)
        content = encode_given({"items": [members(item) for item in items]}, "the steps")
        async with aclosing(self._requests.lines(_STEPS.path, content)) as lines:
            async for documents in lines:
                rows = [self._requests.row(document) for document in documents]
                yield [(places[row.id], row) for row in rows if row.id in places]
