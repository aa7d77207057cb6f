"""How sessions come to be: create, and fork of sessions that are there.

Both make many together, each on its own terms, and both are done once for each
request_id. Room is reserved before anything is built, so that many requests
together cannot pass the limit.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from ...envs.core import ENV_ERRORS
from ...envs.registry import version_of
from ...streams import mixed_seed
from ..isolation.process_pool import reason_of
from ..protocol.limits import Limits
from ..protocol.problems import (
    Refused,
    bad_request,
    busy,
    draining,
    encode_problem,
    environment_failed,
    too_large,
    unknown_session,
)
from ..protocol.types import CreateItem, ForkItem
from .admission import Admission
from .journal.records import Entry, SessionRecord
from .service import Service
from .session import Session

Made = Callable[[], None]
_FORK = ("fork",)

log = logging.getLogger("turnwise.servers")


class Creation:
    """How sessions come to be in a service.

    Args:
        service: where the sessions live.
        admission: who may have how many.
    """

    def __init__(self, service: Service, admission: Admission | None = None) -> None:
        self.service = service
        self.admission = admission or Admission(service)

    async def create(
        self,
        owner: str,
        items: Sequence[CreateItem],
        *,
        request_id: str | None = None,
        keep_private: bool = True,
        wait_s: float = 0.0,
    ) -> bytes:
        """Make and reset sessions.

        Args:
            owner: the key that they will belong to.
            items: what to make.
            request_id: repeated, it gets the same answer; None asks for no such memory.
            keep_private: whether replies keep info["private"].
            wait_s: how long to stand in the queue when there is no room.

        Returns:
            the answer, `{"sessions": [...]}`: replies and problems in order.

        Raises:
            Refused: if the request as a whole cannot be done.
        """
        num = _counted(items, self.service.limits)

        async def work(digest: bytes) -> bytes:
            async with self.admission.room(owner, num, wait_s) as made:
                rows = await self.make(owner, items, request_id, keep_private, made)
            return await self._answer(owner, request_id, digest, rows)

        return await self._once("create", owner, request_id, [_canonical(item) for item in items], work)

    async def make(
        self,
        owner: str,
        items: Sequence[CreateItem],
        request_id: str | None,
        keep_private: bool,
        made: Made,
    ) -> list[bytes]:
        """Make sessions that room was found for; return encoded replies and problems in order.

        Args:
            owner: the key that they will belong to.
            items: what to make.
            request_id: the request that they are made for.
            keep_private: whether replies keep info["private"].
            made: called for each session made.
        """
        rows = [
            await self._create_one(owner, item, number, keep_private)
            for item in items
            for number in range(item.count)
        ]
        return self._admit(rows, made, "sessions_created")

    async def fork(
        self, owner: str, items: Sequence[ForkItem], *, request_id: str | None = None, wait_s: float = 0.0
    ) -> bytes:
        """Copy sessions in the state they are in; the answer is like that of create."""
        num = _counted(items, self.service.limits)

        async def work(digest: bytes) -> bytes:
            async with self.admission.room(owner, num, wait_s) as made:
                rows = await self.copy(owner, items, request_id, made)
            return await self._answer(owner, request_id, digest, rows)

        return await self._once("fork", owner, request_id, [_canonical(item) for item in items], work)

    async def copy(
        self, owner: str, items: Sequence[ForkItem], request_id: str | None, made: Made
    ) -> list[bytes]:
        """Copy sessions that room was found for; see `make`."""
        rows = [row for item in items for row in await self._fork_one(owner, item)]
        return self._admit(rows, made, "sessions_forked")

    async def _once(self, call: str, owner: str, request_id: str | None, body: Any, work: Any) -> bytes:
        if self.service.draining:
            raise Refused(draining(), retry_after_s=5.0)
        await self.service.commit()  # with a journal that cannot be written nothing new begins
        encoded = orjson.dumps([call, body], option=orjson.OPT_SORT_KEYS)
        if request_id is None:
            return bytes(await asyncio.shield(asyncio.ensure_future(work(b""))))
        return await self.service.request_memory.once(owner, request_id, encoded, work)

    async def _answer(self, owner: str, request_id: str | None, digest: bytes, rows: list[bytes]) -> bytes:
        answer = b'{"sessions":[' + b",".join(rows) + b"]}"
        if request_id is not None:
            self.service.journal.answered(owner, request_id, digest, answer)
        await self.service.commit()
        return answer

    async def _create_one(
        self, owner: str, item: CreateItem, number: int, keep_private: bool
    ) -> Session | bytes:
        service = self.service
        seed = item.seed if item.group else item.seed + number
        try:
            host, observation, info = await service.environments.start(
                item.env_id, item.kwargs, seed, item.options, None
            )
            record = SessionRecord(
                id=service.id_prefix + secrets.token_hex(8),
                incarnation=secrets.token_hex(4),
                owner=owner,
                env_id=item.env_id,
                version=version_of(item.env_id),
                fingerprint=host.fingerprint,
                kwargs=item.kwargs,
                base_seed=seed,
                keep_private=keep_private,
            )
            session = Session(record, service.limits.max_turns)
            session.take(host, service.environments.inline(item.env_id))
            session.began(0, seed, item.options, observation, info)
        except Refused as refusal:
            return encode_problem(refusal.problem)
        except ENV_ERRORS as error:
            return self._failed(item.env_id, error)
        return session

    def _failed(self, env_id: str, error: BaseException) -> bytes:
        log.error("%s could not be created", env_id, exc_info=error)
        self.service.metrics.count("environment_errors")
        return encode_problem(environment_failed(f"{env_id} failed: {reason_of(error)}"[:1000]))

    def _admit(self, rows: Sequence[Session | bytes], made: Made, counted_as: str) -> list[bytes]:
        """Open the sessions of a request and return its rows, encoded.

        All together, and nothing waits from here to the answer: one commit holds
        them and it. A server that is killed before has none of them, and the request
        repeated leaves none behind that nobody knows of.
        """
        service, answered = self.service, []
        for row in rows:
            if isinstance(row, Session):
                made()
                row.touched = service.clock()
                service.sessions[row.record.id] = row
                service.journal.opened(row.record)
                service.metrics.count(counted_as)
            answered.append(row.last_reply if isinstance(row, Session) else row)
        return answered

    async def _fork_one(self, owner: str, item: ForkItem) -> Sequence[Session | bytes]:
        service = self.service
        parent = service.find(owner, item.id)
        if parent is None:
            return [encode_problem(unknown_session(item.id))] * item.count
        if parent.asleep and parent.broken is None:
            await service.wake(parent)
        if parent.broken is not None:
            return [encode_problem(parent.broken)] * item.count
        while parent.running is not None and parent.running_call == _FORK:
            await asyncio.wait({parent.running})
        if parent.running is not None:
            problem = busy(item.id, str(parent.running_call[0]), parent.expected)
            return [encode_problem(problem)] * item.count
        rows: list[Session | bytes] = []

        async def copy_all() -> bytes:
            rows.extend([await self._child(parent, item, number) for number in range(item.count)])
            return b""

        # as a call of the session, so that no step runs while it is copied
        await asyncio.shield(service.launch(parent, _FORK, copy_all()))
        return rows

    async def _child(self, parent: Session, item: ForkItem, number: int) -> Session | bytes:
        service, source = self.service, parent.record
        record = replace(
            source,
            id=service.id_prefix + secrets.token_hex(8),
            incarnation=secrets.token_hex(4),
            parent=source.id,
            log=list(source.log),
        )
        child = Session(record, parent.max_turns)
        child.turn, child.end, child.last_action = parent.turn, parent.end, parent.last_action
        child.reset_reply = child.prefix + b"," + parent.core_of(parent.reset_reply)[1:]
        child.last_reply = child.prefix + b"," + parent.core_of(parent.last_reply)[1:]
        if parent.host is not None:
            try:
                await service.environments.copy(parent, child)
                if item.reseed is not None:
                    await self._reseed(child, mixed_seed(item.reseed, number))
            except Refused as refusal:
                return encode_problem(refusal.problem)
            except ENV_ERRORS as error:
                return self._failed(source.env_id, error)
        return child

    async def _reseed(self, child: Session, seed: int) -> None:
        assert child.host is not None, "just copied"
        await self.service.environments.call(child.record.env_id, child.host.reseed, seed)
        child.record.log.append(Entry(None, b"", seed))


def _counted(items: Sequence[CreateItem] | Sequence[ForkItem], limits: Limits) -> int:
    if not items:
        raise Refused(bad_request("items is empty", [], "at least one item"))
    if any(item.count < 1 for item in items):
        raise Refused(bad_request("count must be at least 1", min(item.count for item in items), ">= 1"))
    num = sum(item.count for item in items)
    if num > limits.max_batch:
        raise Refused(too_large("sessions of one request", num, limits.max_batch))
    return num


def _canonical(item: CreateItem | ForkItem) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__}
