"""Sessions in this process: the same calls and the same bytes, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import orjson

from ..http.keys import ANYONE
from ..isolation.catalogue import Offer
from ..protocol.encoding import decode_item, problem_from
from ..protocol.problems import Refused
from ..protocol.types import CreateItem, ForkItem, Problem, Reply, ResetItem, StepItem, places_of
from ..sessions.creation import Creation
from ..sessions.leases import keep_reaping
from ..sessions.service import Service, in_order

__all__ = ["LocalClient"]

_OWNER = ANYONE.name


class LocalClient:
    """Speak SessionClient to a service in this process.

    Replies go through the same encoding as over the wire, so that nothing
    depends on where the service runs. A client belongs to one event loop.

    Args:
        service: where the sessions live; by default one of its own, which
            trusts the caller: every class and file is allowed.
    """

    def __init__(self, service: Service | None = None) -> None:
        self.service = service or Service(Offer(trusted=True))
        self._creation = Creation(self.service)
        self._owns = service is None
        self._reaper: asyncio.Task[None] | None = None

    async def create(self, items: Sequence[CreateItem], *, request_id: str) -> list[Reply | Problem]:
        """Create and reset sessions; flattened in the order of items and their counts."""
        if self._reaper is None and self._owns:
            self._reaper = asyncio.create_task(keep_reaping(self.service))
        num = sum(item.count for item in items)
        try:
            answer = await self._creation.create(_OWNER, items, request_id=request_id)
        except Refused as refusal:
            return [refusal.problem] * num
        return [decode_item(row) for row in orjson.loads(answer)["sessions"]]

    async def fork(self, items: Sequence[ForkItem], *, request_id: str) -> list[Reply | Problem]:
        """Copy sessions; flattened in the order of items and their counts."""
        num = sum(item.count for item in items)
        try:
            answer = await self._creation.fork(_OWNER, items, request_id=request_id)
        except Refused as refusal:
            return [refusal.problem] * num
        return [decode_item(row) for row in orjson.loads(answer)["sessions"]]

    async def step(self, items: Sequence[StepItem]) -> list[Reply | Problem]:
        """Step sessions."""
        return await self._answer(await in_order([self.service.step(_OWNER, item) for item in items]))

    async def step_each(self, items: Sequence[StepItem]) -> AsyncGenerator[tuple[int, Reply | Problem], None]:
        """Step sessions, each named once, and give (place, answer) as each is done."""
        places_of(items)
        running: dict[asyncio.Future[bytes | Problem], int] = {}
        done: list[tuple[int, bytes | Problem]] = []
        for place, item in enumerate(items):
            pending = self.service.step(_OWNER, item)
            if isinstance(pending, asyncio.Task):
                running[pending] = place
            else:
                done.append((place, pending))
        while done or running:
            for place, row in zip(
                [place for place, _ in done], await self._answer([row for _, row in done]), strict=True
            ):
                yield place, row
            done = []
            if running:
                ready, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                done = [(running.pop(task), task.result()) for task in ready]

    async def reset(self, items: Sequence[ResetItem]) -> list[Reply | Problem]:
        """Start the next episode of sessions."""
        return await self._answer(await in_order([self.service.reset(_OWNER, item) for item in items]))

    async def close(self, ids: Sequence[str]) -> None:
        """Close sessions; closing one that is gone is no error."""
        self.service.close(_OWNER, ids)
        await self.service.commit()

    async def describe(self, id: str) -> dict[str, Any]:
        """Return where a session stands, its last reply under `last`.

        Raises:
            RequestRefused: if there is no such session.
        """
        from ..http.dispatch import Calls  # brings pydantic, which nothing else here needs
        from ..http.messages import Request

        try:
            answer = await Calls(self.service, self._creation).describe(Request(ANYONE, id=id), None)
        except Refused as refusal:
            raise refusal.problem.as_error() from refusal
        document: dict[str, Any] = orjson.loads(answer.body)
        if answer.status != 200:
            raise problem_from(document).as_error()
        return document

    async def envs(self) -> list[dict[str, Any]]:
        """List the environments on offer."""
        return self.service.offer.listing()

    async def aclose(self) -> None:
        """Close the service, if it is this client's own."""
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.wait({self._reaper})
            self._reaper = None
        if self._owns:
            await self.service.aclose()

    async def _answer(self, rows: Sequence[bytes | Problem]) -> list[Reply | Problem]:
        await self.service.commit()
        return [row if isinstance(row, Problem) else decode_item(orjson.loads(row)) for row in rows]
