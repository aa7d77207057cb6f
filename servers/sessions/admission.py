"""Who may have how many sessions, and the queue of those that wait for room."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..protocol.problems import Refused, capacity
from ..protocol.types import Problem

if TYPE_CHECKING:
    from .service import Service

_RETRY_AFTER_S = 1.0
_CHECK_AGAIN_S = 0.1  # where other workers close sessions, too


@dataclass(slots=True, eq=False)
class _Waiter:
    owner: str
    num: int
    notified: asyncio.Event = field(default_factory=asyncio.Event)


class Admission:
    """Room for sessions that are about to be made, and who waits for it.

    A request that finds no room is refused with 429, or waits in order of
    arrival when it says how long. A large request is not overtaken by smaller
    ones; one that waits for its own key's quota holds up nobody else. Several
    workers share the room, and each keeps a queue of its own.
    """

    def __init__(self, service: Service) -> None:
        self._service, self._ledger = service, service.ledger
        self._queue: list[_Waiter] = []
        service.on_room = self.notify

    @asynccontextmanager
    async def room(self, owner: str, num: int, wait_s: float = 0.0) -> AsyncIterator[Callable[[], None]]:
        """Hold room for `num` sessions while they are made.

        Yields:
            a function to call for each session that has been made.

        Raises:
            Refused: 429 if there is no room, or none came up in time.
        """
        waiter = _Waiter(owner, num)
        if not self._takes(waiter):
            await self._wait(waiter, wait_s)
        left = num

        def made() -> None:
            nonlocal left
            left -= 1  # from now on the session itself is counted

        try:
            yield made
        finally:
            self._ledger.add(owner, -left)
            self.notify()

    def notify(self) -> None:
        """Wake those that wait: there may be room."""
        for waiter in self._queue:
            waiter.notified.set()

    async def _wait(self, waiter: _Waiter, wait_s: float) -> None:
        if wait_s <= 0 or waiter.num > self._most:
            raise Refused(self._problem(waiter), retry_after_s=_RETRY_AFTER_S)
        self._queue.append(waiter)
        try:
            async with asyncio.timeout(min(wait_s, self._service.limits.max_wait_s)):
                while not self._takes(waiter):
                    waiter.notified.clear()
                    await self._notified(waiter)
        except TimeoutError:
            raise Refused(self._problem(waiter), retry_after_s=_RETRY_AFTER_S) from None
        finally:
            self._queue.remove(waiter)
            self.notify()

    async def _notified(self, waiter: _Waiter) -> None:
        """Wait until there may be room."""
        if not self._ledger.shared:
            await waiter.notified.wait()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_CHECK_AGAIN_S):
                await waiter.notified.wait()

    def _takes(self, waiter: _Waiter) -> bool:
        """Reserve the room if there is any; tell whether there was."""
        with self._ledger.lock():
            admitted = self._admits(waiter)
            if admitted:
                self._ledger.add(waiter.owner, waiter.num)
        return admitted

    def _admits(self, waiter: _Waiter) -> bool:
        """Tell whether there is room, and nobody waits for the same room longer."""
        if not (self._server_has(waiter.num) and self._key_has(waiter)):
            return False
        for earlier in self._queue:
            if earlier is waiter:
                return True
            if self._key_has(earlier):
                return False
        return True

    def _server_has(self, num: int) -> bool:
        return self._ledger.held_by_all() + num <= self._service.limits.max_sessions

    def _key_has(self, waiter: _Waiter) -> bool:
        limit = self._service.limits.max_sessions_per_key
        return not limit or self._ledger.held(waiter.owner) + waiter.num <= limit

    @property
    def _most(self) -> float:
        limits = self._service.limits
        return min(limits.max_sessions, limits.max_sessions_per_key or math.inf)

    def _problem(self, waiter: _Waiter) -> Problem:
        limits = self._service.limits
        if not self._key_has(waiter):
            held, limit, whose = self._ledger.held(waiter.owner), limits.max_sessions_per_key, "of this key"
        else:
            held, limit, whose = self._ledger.held_by_all(), limits.max_sessions, "of the server"
        return capacity(f"no room for {waiter.num} more sessions: {held} of {limit} {whose} are open", limit)
