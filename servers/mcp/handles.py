"""Episodes by their handles: begun, played and ended, each call once however often it is made.

A handle is the id of a session, which nobody can guess. A call that names its turn is answered from store
when it is repeated; one that does not is known by the id of its request, as long as no other call of the
episode came between.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import RequestRefused, ServerUnreachable
from ..client import SessionClient
from ..protocol.types import CreateItem, Problem, Reply, StepItem

_MAX_REMEMBERED = 4096
_GONE = "there is no episode {!r}: it has ended, was left alone for too long, or never was; call `start`"


class Objection(Exception):
    """Why a call could not be made, as the caller is told."""


@dataclass(slots=True)
class _Held:
    """What is known of an episode: where it stands, and the call that came last."""

    episode: int
    turn: int
    last: tuple[str | None, str, int] = (None, "", -1)  # id of its request, action, turn
    sure: bool = True  # whether `turn` is; not while nobody has heard how a step went
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Handles:
    """The episodes of one environment.

    Args:
        client: the way to the sessions.
        env_id: of the environment.
        kwargs: its arguments.
    """

    def __init__(self, client: SessionClient, env_id: str, kwargs: Mapping[str, Any]) -> None:
        self._client, self._env_id, self._kwargs = client, env_id, dict(kwargs)
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def start(self, seed: int, request: str | None) -> Reply:
        """Begin an episode; `request` repeated gives the same one.

        Raises:
            Objection: if there is no room, or the environment refuses.
        """
        item = CreateItem(self._env_id, self._kwargs, seed)
        try:
            rows = await self._client.create([item], request_id=request or secrets.token_hex(16))
        except ServerUnreachable as error:
            if "capacity" not in str(error):
                raise
            raise Objection("there is no room for another episode: `end` one, or try again later") from error
        reply = _reply(rows)
        self._keep(reply.id, _Held(reply.episode, reply.turn))
        return reply

    async def step(self, handle: str, action: str, turn: int | None, request: str | None) -> Reply:
        """Take a turn, or answer again what was taken.

        Args:
            handle: of the episode.
            action: what is done.
            turn: which turn it is; None for the next.
            request: the id of the request.

        Raises:
            Objection: if there is no such episode, it is over, or the turn is another.
        """
        held = await self._known(handle)
        async with held.lock:
            if turn is None:
                known, did, taken = held.last
                repeated = request is not None and (known, did) == (request, action)
                turn = taken if repeated else await self._next(handle, held)
            held.last, held.sure = (request, action, turn), False
            reply = _reply(await self._client.step([StepItem(handle, held.episode, turn, action)]))
            held.turn, held.sure = reply.turn, True
            return reply

    async def end(self, handle: str) -> None:
        """End an episode; one that is gone is no error."""
        self._held.pop(handle, None)
        await self._client.close([handle])

    async def end_all(self) -> None:
        """End all episodes that are known here."""
        handles = list(self._held)
        self._held.clear()
        if handles:
            await self._client.close(handles)

    async def _next(self, handle: str, held: _Held) -> int:
        """Return the turn that comes next."""
        if not held.sure:
            held.turn = int((await self._described(handle))["turn"])
        return held.turn

    async def _known(self, handle: str) -> _Held:
        if handle in self._held:
            self._held.move_to_end(handle)
            return self._held[handle]
        found = await self._described(handle)
        return self._keep(handle, _Held(int(found["episode"]), int(found["turn"])))

    def _keep(self, handle: str, held: _Held) -> _Held:
        held = self._held.setdefault(handle, held)
        if len(self._held) > _MAX_REMEMBERED:
            self._held.popitem(last=False)
        return held

    async def _described(self, handle: str) -> dict[str, Any]:
        try:
            return await self._client.describe(handle)
        except RequestRefused as error:
            self._held.pop(handle, None)
            gone = error.code == "unknown_session"
            raise Objection(_GONE.format(handle[:100]) if gone else error.detail) from error


def _reply(rows: list[Reply | Problem]) -> Reply:
    (row,) = rows
    if isinstance(row, Reply):
        return row
    if row.code == "unknown_session":
        raise Objection(_GONE.format(row.id))
    expected = f"expected {row.expected}" if row.expected is not None else ""
    raise Objection("; ".join(filter(None, (row.detail, expected))))
