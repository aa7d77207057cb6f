"""Answers that wait for the journal: all that come in one moment share one commit and one task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..protocol.problems import Refused
from .dispatch import Answer, Calls, refusal_answer

__all__ = ["Commits"]

Give = Callable[[Answer | None], object]


class Commits:
    """Give answers once what they tell of is durable.

    Args:
        calls: whose answers they are.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._waiting: list[tuple[Give, Answer]] = []
        self._task: asyncio.Task[None] | None = None

    def give(self, give: Give, answer: Answer) -> None:
        """Have `give` called with an answer after the next commit.

        It gets a refusal instead if the journal cannot be written, and None if
        nobody can tell whether it was.
        """
        self._waiting.append((give, answer))
        if self._task is None:
            self._task = asyncio.ensure_future(self._commit())

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                num, refusal = len(self._waiting), None  # whoever comes later needs the next commit
                try:
                    await self._calls.service.commit()
                except Refused as error:
                    refusal = error
                done, self._waiting = self._waiting[:num], self._waiting[num:]
                for give, answer in done:
                    # each by itself, so that one that fails holds up no other
                    loop.call_soon(give, answer if refusal is None else refusal_answer(self._calls, refusal))
        finally:
            lost, self._waiting, self._task = self._waiting, [], None
            for give, _ in lost:
                loop.call_soon(give, None)
