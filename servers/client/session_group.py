"""Sessions on the other side of a client: what each answered last, and what it has not answered yet.

A call that was cancelled, or got no answer within the retries, may have been done or
not. It is remembered: asked again it is answered from store, and a new episode begins
only after it, so that nothing is done twice and no session is made that nobody knows.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ...errors import ServerError, ServerUnreachable, UsageError
from ..protocol.encoding import decode_item
from ..protocol.types import CreateItem, Problem, Reply, ResetItem, StepItem
from .client import SessionClient, connect

_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.02, 1.0
_LAST_WORD_S = 5.0

Rows = list[Reply | Problem]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call on the sessions at some places; `send` asks it in the same words each time."""

    places: list[int]
    items: Sequence[CreateItem] | Sequence[StepItem]
    send: Callable[[], Awaitable[Rows]]
    starts: bool


class SessionGroup:
    """The sessions of one object that plays them; its calls are done one after another.

    Args:
        url: where the server is, or `local:`.
        key: the bearer key, where the server asks for one.
        client: speaks to the service instead of `url`, and is not closed here.
    """

    def __init__(self, url: str | None, key: str | None, client: SessionClient | None) -> None:
        self.client = client or connect(url, key)
        self.replies: list[Reply] = []
        self.closed = False
        self._owns = client is None
        self._detached = False
        self._asked: _Asked | None = None
        self._lock = asyncio.Lock()

    async def attach(self, ids: Sequence[str], wait_s: float) -> None:
        """Take over sessions where they stand, once what runs in them is done.

        Raises:
            RequestRefused: if there is no such session, or it belongs to another key.
            ServerUnreachable: if something still runs after `wait_s` seconds.
            UsageError: if no session is named, or one twice.
        """
        try:
            if not ids or len(set(ids)) < len(ids):
                raise UsageError(f"attach got {list(ids)}; expected the ids of sessions, each once")
            work = [_standing(self.client, id, wait_s) for id in ids]
            found = await asyncio.gather(*work, return_exceptions=True)
            for reply in found:
                if isinstance(reply, BaseException):
                    raise reply
            self.replies = [reply for reply in found if isinstance(reply, Reply)]
        except BaseException:
            await self.close()
            raise

    async def start(self, places: list[int], items: Sequence[CreateItem]) -> None:
        """Begin the next episode at some places; the first time, make a session for each item.

        Raises:
            RequestRefused: if one of them could not begin; the others have, but for the first time.
        """
        async with self._lock:
            self._check_usable()
            asked = self._asked
            if asked is not None and not (asked.starts and (asked.places, asked.items) == (places, items)):
                await self._send(asked)  # answered or refused, it no longer runs
                asked = None
            accepted(await self._send(asked or self._beginning(places, items)))
            self._check_usable()

    async def step(self, places: list[int], actions: Sequence[str]) -> None:
        """Take a turn at some places.

        Raises:
            RequestRefused: if one of them was refused; the replies of the others are kept.
            UsageError: before the first reset, and after one that was not answered.
        """
        async with self._lock:
            self._check_usable()
            if not self.replies:
                raise UsageError("step before reset: call reset first")
            if self._asked is not None and self._asked.starts:
                raise UsageError("the last reset was not answered: call it again before step")
            items = [
                StepItem(last.id, last.episode, last.turn, action)
                for last, action in zip([self.replies[place] for place in places], actions, strict=True)
            ]
            asked = _Asked(places, items, partial(self.client.step, items), starts=False)
            accepted(await self._send(asked))
            self._check_usable()

    def detach(self) -> list[str]:
        """Let go of the sessions, which stay on the server; return their ids.

        Raises:
            UsageError: if there are none, or a call still runs.
        """
        self._check_usable()
        if self._lock.locked():
            raise UsageError("detach while a call runs: await it, or cancel it, first")
        if not self.replies:
            raise UsageError("detach before reset: there is no session yet")
        ids = [reply.id for reply in self.replies]
        self._detached, self._asked, self.replies = True, None, []
        return ids

    async def close(self) -> None:
        """Close the sessions, and the client if it was made here."""
        if self.closed:
            return
        self.closed = True
        try:
            if self._asked is not None and not self.replies:  # what was made has to be known to be closed
                with suppress(TimeoutError, ServerError):
                    async with asyncio.timeout(_LAST_WORD_S):
                        await self._send(self._asked)
            if self.replies:
                await self.client.close([reply.id for reply in self.replies])
        finally:
            self.replies = []
            if self._owns:
                await self.client.aclose()

    def _beginning(self, places: list[int], items: Sequence[CreateItem]) -> _Asked:
        if not self.replies:
            send = partial(self.client.create, items, request_id=uuid.uuid4().hex)
            return _Asked(places, items, send, starts=True)
        resets = [
            ResetItem(last.id, last.episode + 1, item.seed, item.options)
            for last, item in zip([self.replies[place] for place in places], items, strict=True)
        ]
        return _Asked(places, items, partial(self.client.reset, resets), starts=True)

    async def _send(self, asked: _Asked) -> Rows:
        """Ask, and keep the replies that came; of sessions that are new, all or none."""
        self._asked = asked
        try:
            rows = await asked.send()
        except Exception as error:
            if not isinstance(error, ServerError):
                self._asked = None  # it never left
            raise
        self._asked = None
        came = [row for row in rows if isinstance(row, Reply)]
        if self.replies:
            for place, row in zip(asked.places, rows, strict=True):
                if isinstance(row, Reply):
                    self.replies[place] = row
        elif asked.starts and len(came) == len(rows):
            self.replies = came
        elif asked.starts:
            await self.client.close([row.id for row in came])
        return rows

    def _check_usable(self) -> None:
        if self.closed or self._detached:
            what = "was closed" if self.closed else "has let go of its sessions"
            raise UsageError(f"this environment {what}: make a new one, or attach to a session that is there")


def accepted(rows: Sequence[Reply | Problem]) -> list[Reply]:
    """Return the replies of an answer.

    Raises:
        RequestRefused: with the first problem, if there is one.
    """
    replies = []
    for row in rows:
        if isinstance(row, Problem):
            raise row.as_error()
        replies.append(row)
    return replies


async def _standing(client: SessionClient, id: str, wait_s: float) -> Reply:
    """Return the last reply of a session in which nothing runs."""
    give_up, pause_s = time.monotonic() + wait_s, _FIRST_PAUSE_S
    while (document := await client.describe(id)).get("running"):
        if time.monotonic() > give_up:
            raise ServerUnreachable(
                f"session {id!r}: a call of another client still runs after {wait_s:g} s; "
                "attach again later, or with a longer wait_s"
            )
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _MOST_PAUSE_S)
    try:
        return accepted([decode_item(document["last"])])[0]
    except (KeyError, TypeError) as error:
        raise ServerError(f"the answer about session {id!r} lacks {error}: is it of turnwise?") from error
