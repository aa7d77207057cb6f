"""How sessions come to be: create, and fork of sessions that are there.

Both make many together, each on its own terms, and both are done once for each
request_id. Room is reserved before anything is built, so that many requests
together cannot pass the limit.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson

from ...envs.core import ENV_ERRORS
from ...envs.registry import version_of
from ...streams import mixed_seed
from ..isolation.faults import REFUSALS
from ..protocol.limits import Limits
from ..protocol.problems import (
    Refused,
    bad_request,
    busy,
    draining,
    encode_problem,
    environment_failed,
    says_repeat,
    task_refused,
    too_large,
)
from ..protocol.router_problems import emptying
from ..protocol.types import CreateItem, ForkItem, Problem
from .admission import Admission
from .environments import Named
from .journal.records import Entry, SessionRecord
from .service import Service
from .session import Session
from .taken import taken_over

Made = Callable[[], None]
_FORK = ("fork",)
_FORK_WAIT_S = 30.0  # for a step that runs, until a copy of its session is refused

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
            if self.service.moves.emptying:
                raise Refused(emptying(), retry_after_s=1.0)
            async with self.admission.room(owner, num, wait_s) as made:
                rows = await self.make(owner, items, request_id, keep_private, made)
                return self._answer(owner, request_id, digest, rows)

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
        rows: list[Session | bytes] = []
        with _all_or_none(rows):
            for item in items:
                for number in range(item.count):
                    rows.append(await self._create_one(owner, item, number, keep_private))
                    await asyncio.sleep(0)  # others get their turn
        return self._admit(rows, made, "sessions_created")

    async def fork(
        self, owner: str, items: Sequence[ForkItem], *, request_id: str | None = None, wait_s: float = 0.0
    ) -> bytes:
        """Copy sessions in the state they are in; the answer is like that of create."""
        num = _counted(items, self.service.limits)

        async def work(digest: bytes) -> bytes:
            async with self.admission.room(owner, num, wait_s) as made:
                rows = await self.copy(owner, items, request_id, made)
                return self._answer(owner, request_id, digest, rows)

        return await self._once("fork", owner, request_id, [_canonical(item) for item in items], work)

    async def copy(
        self, owner: str, items: Sequence[ForkItem], request_id: str | None, made: Made
    ) -> list[bytes]:
        """Copy sessions that room was found for; see `make`."""
        rows: list[Session | bytes] = []
        with _all_or_none(rows):
            for item in items:
                await self._fork_one(owner, item, rows)
        return self._admit(rows, made, "sessions_forked")

    async def _once(self, call: str, owner: str, request_id: str | None, body: Any, work: Any) -> bytes:
        if self.service.draining:
            raise Refused(draining(), retry_after_s=5.0)
        await self.service.commit()  # with a journal that cannot be written nothing new begins
        encoded = orjson.dumps([call, body], option=orjson.OPT_SORT_KEYS)
        if request_id is None:
            return await self._unnamed(work)
        answer = await self.service.request_memory.once(owner, request_id, encoded, work)
        await self.service.commit()  # where it cannot be written the answer is kept, and given later
        return answer

    async def _unnamed(self, work: Any) -> bytes:
        """Do the work of a request that cannot be repeated: nobody learns of what is not durable."""
        answer = bytes(await asyncio.shield(asyncio.ensure_future(work(b""))))
        try:
            await self.service.commit()
        except Refused:
            ids = [row["id"] for row in orjson.loads(answer)["sessions"] if "code" not in row]
            self.service.remove([id for id in ids if id in self.service.sessions])
            raise
        return answer

    def _answer(self, owner: str, request_id: str | None, digest: bytes, rows: list[bytes]) -> bytes:
        answer = b'{"sessions":[' + b",".join(rows) + b"]}"
        if request_id is not None:
            self.service.journal.answered(owner, request_id, digest, answer)
        return answer

    async def _create_one(
        self, owner: str, item: CreateItem, number: int, keep_private: bool
    ) -> Session | bytes:
        service = self.service
        seed = item.seed if item.group else item.seed + number
        session: Session | None = None
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
            return _kept(refusal)
        except ENV_ERRORS as error:
            if session is not None:
                session.drop_host()
            return self._failed(item, error)
        return session

    def _failed(self, what: Named, error: BaseException) -> bytes:
        environments = self.service.environments
        environments.note(what.env_id, f"{what.env_id} could not be created", error)
        told = environments.told(what, error)
        if isinstance(error, REFUSALS):
            return encode_problem(task_refused(f"{what.env_id}: {told}"[:1000]))
        return encode_problem(environment_failed(f"{what.env_id} failed: {told}"[:1000]))

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
                service.metrics.count_of(row.record.env_id, counted_as)
            answered.append(row.last_reply if isinstance(row, Session) else row)
        return answered

    async def _fork_one(self, owner: str, item: ForkItem, rows: list[Session | bytes]) -> None:
        """Add copies of a session to the rows, once its step that runs is done.

        Raises:
            Refused: if that takes too long; the request is to be repeated.
        """
        service, deadline = self.service, time.monotonic() + _FORK_WAIT_S
        parent = await self._idle(owner, item.id, deadline)
        if not isinstance(parent, Session):
            rows += [encode_problem(parent)] * item.count
            return

        async def copy_all() -> bytes:
            for number in range(item.count):
                rows.append(await self._child(parent, item, number))
                await asyncio.sleep(0)
            return b""

        # as a call of the session, so that no step runs while it is copied
        outcome = await asyncio.shield(service.launch(parent, _FORK, copy_all()))
        if isinstance(outcome, Problem):
            raise Refused(outcome, retry_after_s=1.0)

    async def _idle(self, owner: str, id: str, deadline: float) -> Session | Problem:
        """Return a session that is awake and does nothing, or why there is not one."""
        service = self.service
        while True:
            session = service.find(owner, id)
            if session is None:
                return service.moves.gone(owner, id)
            if session.asleep and session.broken is None:
                try:
                    await service.wake(session)
                except Refused as refusal:
                    if says_repeat(refusal.problem):
                        raise
            if session.broken is not None:
                return session.broken
            if session.operated is not None and session.operated.concerns(session.record.episode):
                return taken_over(id, session.operated.reason)
            if session.running is None:
                return session
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                call = str(session.running_call[0])
                raise Refused(busy(id, call, session.expected), retry_after_s=1.0)
            await asyncio.wait({session.running}, timeout=left_s)

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
                return _kept(refusal)
            except ENV_ERRORS as error:
                child.drop_host()
                return self._failed(source, error)
        return child

    async def _reseed(self, child: Session, seed: int) -> None:
        host = child.host
        assert host is not None, "just copied"
        await self.service.environments.call(child.record.env_id, host, host.reseed, seed)
        child.record.log.append(Entry(None, b"", seed))


@contextmanager
def _all_or_none(rows: list[Session | bytes]) -> Iterator[None]:
    """Release the environments of a request's sessions where it is not done in the end."""
    try:
        yield
    except BaseException:
        for row in rows:
            if isinstance(row, Session):
                row.drop_host()
        raise


def _kept(refusal: Refused) -> bytes:
    """Return a refusal as a row of the answer.

    Raises:
        Refused: if the request is to be repeated instead.
    """
    if says_repeat(refusal.problem):
        raise refusal
    return encode_problem(refusal.problem)


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
