"""The calls of the protocol from a decoded body to an encoded answer.

HTTP and the websocket both come through here, so that there is one meaning.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from ..protocol.bodies import (
    CloseBody,
    ForkBody,
    HeartbeatBody,
    ResetBody,
    ResetOneBody,
    fork_item,
    read,
    read_create,
    reset_item,
)
from ..protocol.encoding import PROTOCOL
from ..protocol.fields import select_fields, select_fields_of_all
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem, still_running, unknown_session
from ..protocol.types import Problem, ResetItem, StepItem
from ..sessions.creation import Creation
from ..sessions.health import check
from ..sessions.metrics import Metrics
from ..sessions.rates import Rates
from ..sessions.service import Pending, Service, in_order
from .keys import Caller

__all__ = ["JSON_TYPE", "Answer", "Calls"]

JSON_TYPE = "application/json"
STREAM_PAUSE_S = 10.0
_PROBLEM = b'{"type"'  # how a problem begins, and no reply


class Answer(NamedTuple):
    """Be what a call is answered with."""

    status: int
    body: bytes
    media_type: str = JSON_TYPE
    retry_after_s: float | None = None

    def only(self, fields: Sequence[str]) -> Answer:
        """Leave out parts of what a create, fork or describe is answered with."""
        if not fields or self.status != 200:
            return self
        return self._replace(body=select_fields_of_all(self.body, fields))


class Calls:
    """Answer calls on a service.

    Args:
        service: where the sessions live.
        creation: how they come to be.
    """

    def __init__(self, service: Service, creation: Creation) -> None:
        self.service, self.creation = service, creation
        self.under_way: set[asyncio.Task[Any]] = set()  # answers that websockets wait for
        self._rates = Rates(service.limits, service.ledger) if service.limits.max_rate else None

    def admit(self, caller: Caller) -> None:
        """Count a request against the rate of its key.

        Raises:
            Refused: 429, if the key makes too many.
        """
        if self._rates is not None:
            self._rates.take(caller.name, self.service.clock())

    async def create(self, caller: Caller, document: dict[str, Any], wait_s: float) -> Answer:
        """Make and reset sessions."""
        items, request_id, _ = read_create(document, self.service.limits)
        body = await self.creation.create(
            caller.name, items, request_id=request_id, keep_private=not caller.evaluation, wait_s=wait_s
        )
        return self._judged(body, "sessions")

    async def fork(self, caller: Caller, document: dict[str, Any], wait_s: float) -> Answer:
        """Copy sessions in the state they are in."""
        body = read(ForkBody, document, self.service.limits)
        items = [fork_item(one) for one in body.items]
        answer = await self.creation.fork(caller.name, items, request_id=body.request_id, wait_s=wait_s)
        return self._judged(answer, "sessions")

    async def step(
        self, caller: Caller, item: StepItem, wait_s: float | None, fields: Sequence[str]
    ) -> Answer:
        """Take one step; after `wait_s` say 202 and where to ask again."""
        pending = self.service.step(caller.name, item)
        return await self._one(pending, item, wait_s, fields)

    def immediate(self, caller: Caller, items: Sequence[StepItem]) -> bool:
        """Tell whether steps are ordinary calls, so that `step_now` and `steps_now` may take them."""
        return all(self.service.immediate(caller.name, item.id) for item in items)

    def step_now(self, caller: Caller, item: StepItem) -> Answer:
        """Take one step that is an ordinary call; what it recorded is still to be committed."""
        return self._settled(self.service.step(caller.name, item), ())

    def steps_now(self, caller: Caller, items: Sequence[StepItem]) -> Answer:
        """Take many steps that are ordinary calls; what they recorded is still to be committed."""
        return self.batch([self._row(self.service.step(caller.name, item), ()) for item in items], "items")

    async def steps(
        self, caller: Caller, items: Sequence[StepItem], wait_s: float | None, fields: Sequence[str]
    ) -> Answer:
        """Take many steps and answer in order; those not done after `wait_s` are said to be running."""
        return self.batch(await self.step_rows(caller, items, wait_s, fields), "items")

    async def step_rows(
        self, caller: Caller, items: Sequence[StepItem], wait_s: float | None, fields: Sequence[str]
    ) -> list[bytes]:
        """Take many steps; return encoded replies and problems in order."""
        pending = [self.service.step(caller.name, item) for item in items]
        tasks = {one for one in pending if isinstance(one, asyncio.Task)}
        if tasks:
            await asyncio.wait(tasks, timeout=wait_s)
        rows = [
            one
            if not isinstance(one, asyncio.Task)
            else one.result()
            if one.done()
            else still_running(item.id, item.episode, item.turn)
            for item, one in zip(items, pending, strict=True)
        ]
        await self.service.commit()
        return [self._row(row, fields) for row in rows]

    async def stream(
        self, caller: Caller, items: Sequence[StepItem], fields: Sequence[str]
    ) -> AsyncIterator[bytes]:
        """Take many steps and give lines in order of completion.

        Each line names its session. While nothing is done an empty line now and
        then says that the steps still run.
        """
        waiting: dict[asyncio.Task[bytes | Problem], str] = {}
        done: list[tuple[str, bytes | Problem]] = []
        for item in items:
            pending = self.begin(caller, item)
            if isinstance(pending, asyncio.Task):
                waiting.setdefault(pending, item.id)
            else:
                done.append((item.id, pending))
        while done or waiting:
            if done:
                yield await self._lines(done, fields)
            if not waiting:
                return
            ready, _ = await asyncio.wait(
                waiting, timeout=STREAM_PAUSE_S, return_when=asyncio.FIRST_COMPLETED
            )
            done = [(waiting.pop(task), task.result()) for task in ready]
            if not done:
                yield b"\n"

    async def _lines(self, done: Sequence[tuple[str, bytes | Problem]], fields: Sequence[str]) -> bytes:
        """Give the lines of steps that are done, or say of each that it could not be made durable."""
        try:
            await self.service.commit()
        except Refused as refusal:
            done = [(id, refusal.problem) for id, _ in done]
        rows = [
            replace(row, id=id) if isinstance(row, Problem) and row.id is None else row for id, row in done
        ]
        return b"".join([self._row(row, fields) + b"\n" for row in rows])

    def begin(self, caller: Caller, item: StepItem) -> Pending:
        """Begin a step of a stream."""
        return self.service.step(caller.name, item)

    async def reset(self, caller: Caller, document: dict[str, Any], fields: Sequence[str]) -> Answer:
        """Start episodes of many sessions."""
        body = read(ResetBody, document, self.service.limits)
        items = [reset_item(one, one.id) for one in body.items]
        return self.batch(await self.reset_rows(caller, items, fields), "items")

    async def reset_rows(
        self, caller: Caller, items: Sequence[ResetItem], fields: Sequence[str]
    ) -> list[bytes]:
        """Start many episodes; return encoded replies and problems in order."""
        rows = await in_order([self.service.reset(caller.name, item) for item in items])
        await self.service.commit()
        return [self._row(row, fields) for row in rows]

    async def reset_one(
        self, caller: Caller, id: str, document: dict[str, Any], fields: Sequence[str]
    ) -> Answer:
        """Start an episode of one session."""
        one = read(ResetOneBody, document, self.service.limits)
        return await self._one(self.service.reset(caller.name, reset_item(one, id)), None, None, fields)

    async def close(self, caller: Caller, document: dict[str, Any]) -> Answer:
        """Close sessions."""
        body = read(CloseBody, document, self.service.limits)
        closed = self.service.close(caller.name, body.ids)
        await self.service.commit()
        return Answer(200, orjson.dumps({"closed": closed}))

    async def delete(self, caller: Caller, id: str) -> Answer:
        """Close one session."""
        if not self.service.close(caller.name, [id]):
            return self.refused(unknown_session(id))
        await self.service.commit()
        return Answer(200, orjson.dumps({"closed": [id]}))

    async def heartbeat(self, caller: Caller, document: dict[str, Any]) -> Answer:
        """Renew leases; say which sessions are there."""
        body = read(HeartbeatBody, document, self.service.limits)
        alive = [id for id in body.ids if self.service.find(caller.name, id) is not None]
        return Answer(200, orjson.dumps({"alive": alive, "ttl_s": self.service.limits.ttl_s}))

    async def sessions(self, caller: Caller) -> Answer:
        """List the sessions of a key, for a client that comes back."""
        return Answer(200, orjson.dumps({"sessions": self.session_rows(caller)}))

    def session_rows(self, caller: Caller) -> list[dict[str, Any]]:
        """Describe the sessions of a key."""
        now = self.service.clock()
        return [
            {
                "id": session.record.id,
                "incarnation": session.record.incarnation,
                "env_id": session.record.env_id,
                "episode": session.record.episode,
                "turn": sum(entry.action is not None for entry in session.record.log),
                "end": session.end,
                "idle_s": round(now - session.touched, 3),
            }
            for session in self.service.sessions.values()
            if session.record.owner == caller.name
        ]

    async def describe(self, caller: Caller, id: str, turn: int | None, wait_s: float) -> Answer:
        """Say where a session stands; with `turn`, give the reply that leads to turn+1."""
        session = self.service.find(caller.name, id)
        if session is None:
            return self.refused(unknown_session(id))
        if session.asleep and session.broken is None:
            await self.service.wake(session)
        if session.broken is not None:
            return self.refused(session.broken)
        if turn is not None:
            item = StepItem(id, session.record.episode, turn, session.last_action or "")
            if session.running is not None and session.running_call[:3] == ("step", item.episode, turn):
                return await self._one(session.running, item, wait_s, ())
            if turn != session.turn - 1:
                return self.refused(session.object_to_step(item))
            await self.service.commit()
            return Answer(200, session.last_reply)
        document = {
            "id": id,
            "incarnation": session.record.incarnation,
            "env_id": session.record.env_id,
            "fingerprint": session.record.fingerprint,
            "seed": session.record.seed,
            "parent": session.record.parent,
            "running": bool(session.running),
            "end": session.end,
            "expected": session.expected,
            "episode": session.record.episode,
            "turn": session.turn,
        }
        await self.service.commit()
        return Answer(200, orjson.dumps(document)[:-1] + b',"last":' + session.last_reply + b"}")

    async def journal(self, caller: Caller, id: str) -> Answer:
        """Give what a session would be rebuilt from."""
        session = self.service.find(caller.name, id)
        if session is None:
            return self.refused(unknown_session(id))
        record = session.record
        entries = [
            {"reseed": entry.reseed}
            if entry.action is None
            else {"action": entry.action, "digest": entry.digest.hex()}
            for entry in record.log
        ]
        document = {
            "id": id,
            "incarnation": record.incarnation,
            "parent": record.parent,
            "env_id": record.env_id,
            "version": record.version,
            "fingerprint": record.fingerprint,
            "kwargs": record.kwargs,
            "episode": record.episode,
            "seed": record.seed,
            "options": record.options,
            "reset_digest": record.reset_digest.hex(),
            "entries": entries,
        }
        return Answer(200, orjson.dumps(document))

    def envs(self) -> Answer:
        """List the environments on offer."""
        return Answer(200, orjson.dumps({"protocol": PROTOCOL, "envs": self.service.offer.listing()}))

    async def health(self) -> Answer:
        """Say how the server is."""
        document = await check(self.service)
        return Answer(200 if document["status"] == "ok" else 503, orjson.dumps(document))

    async def metrics(self) -> str:
        """Give the counters in Prometheus' text format."""
        return self.counted().render(len(self.service.sessions))

    def counted(self) -> Metrics:
        """Return the counters, those kept elsewhere brought up to date."""
        service = self.service
        if pools := service.offer.pools.values():
            service.metrics.note("workers_replaced", sum(pool.num_replaced for pool in pools))
        return service.metrics

    def refused(self, problem: Problem, retry_after_s: float | None = None) -> Answer:
        """Answer with a problem."""
        self.service.metrics.refused(problem.code)
        return Answer(problem.status, encode_problem(problem), PROBLEM_TYPE, retry_after_s)

    def batch(self, rows: Sequence[bytes], name: str) -> Answer:
        """Answer with a list; when nothing in it succeeded the status says so."""
        body = b",".join(rows)
        if rows and all(row.startswith(_PROBLEM) for row in rows):
            status = orjson.loads(rows[0])["status"]
            return Answer(status, rows[0][:-1] + b',"%b":[%b]}' % (name.encode(), body), PROBLEM_TYPE)
        return Answer(200, b'{"%b":[%b]}' % (name.encode(), body))

    async def settle(
        self, pending: Pending, item: StepItem, wait_s: float | None, fields: Sequence[str]
    ) -> Answer:
        """Answer with what a step came to, or after `wait_s` that it is running."""
        return await self._one(pending, item, wait_s, fields)

    async def _one(
        self, pending: Pending, item: StepItem | None, wait_s: float | None, fields: Sequence[str]
    ) -> Answer:
        if isinstance(pending, asyncio.Task):
            if wait_s is not None and item is not None:
                await asyncio.wait({pending}, timeout=wait_s)
                if not pending.done():
                    return _still_running(item)
            pending = await asyncio.shield(pending)
        if self.service.journal.dirty and not isinstance(pending, Problem):
            await self.service.commit()
        return self._settled(pending, fields)

    def _settled(self, reply: Pending, fields: Sequence[str]) -> Answer:
        if isinstance(reply, Problem):
            return self.refused(reply)
        assert isinstance(reply, bytes), "tasks were waited for"
        return Answer(200, select_fields(reply, fields) if fields else reply)

    def _row(self, row: Pending, fields: Sequence[str]) -> bytes:
        if isinstance(row, Problem):
            self.service.metrics.refused(row.code)
            return encode_problem(row)
        assert isinstance(row, bytes), "tasks were waited for"
        return select_fields(row, fields) if fields else row

    def _judged(self, body: bytes, name: str) -> Answer:
        """Give the answer to a create the status of its first problem if all failed."""
        if not body.startswith(b'{"sessions":[' + _PROBLEM):
            return Answer(200, body)
        rows = orjson.loads(body)[name]
        for row in rows:
            if "code" not in row:
                return Answer(200, body)
            self.service.metrics.refused(row["code"])
        return Answer(rows[0]["status"], orjson.dumps({**rows[0], name: rows}), PROBLEM_TYPE)


def _still_running(item: StepItem) -> Answer:
    document = {
        "id": item.id,
        "episode": item.episode,
        "turn": item.turn,
        "running": True,
        "poll": f"/v1/sessions/{item.id}?turn={item.turn}",
    }
    return Answer(202, orjson.dumps(document))


def refusal_answer(calls: Calls, refusal: Refused) -> Answer:
    """Turn a refusal into an answer."""
    return calls.refused(refusal.problem, refusal.retry_after_s)
