"""Answers that wait for the journal: all that come in one moment share one commit and one task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..protocol.problems import Refused
from .dispatch import Calls, refusal_response
from .messages import Response

Give = Callable[[Response | None], object]


class GroupCommit:
    """Answers that are given once what they tell of is durable.

    Args:
        calls: whose answers they are.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._waiting: list[tuple[Give, Response]] = []
        self._task: asyncio.Task[None] | None = None

    def give(self, give: Give, response: Response) -> None:
        """Have `give` called with a response after the next commit.

        It gets a refusal instead if the journal cannot be written, and None if
        nobody can tell whether it was.
        """
        self._waiting.append((give, response))
        if self._task is None:
            self._task = asyncio.ensure_future(self._commit())

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                num, refusal = len(self._waiting), None  # those that come later need the next commit
                try:
                    await self._calls.service.commit()
                except Refused as error:
                    refusal = error
                done, self._waiting = self._waiting[:num], self._waiting[num:]
                for give, response in done:
                    # each by itself, so that one that fails holds up no other
                    given = response if refusal is None else refusal_response(self._calls, refusal)
                    loop.call_soon(give, given)
        finally:
            lost, self._waiting, self._task = self._waiting, [], None
            for give, _ in lost:
                loop.call_soon(give, None)
