"""The meaning of each call of the protocol, from a decoded body to an encoded answer.

HTTP, the websocket and other workers all come through here, so that there is one
meaning. A call of the table is a method of its name, given the request and its body as
`protocol.bodies` reads it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson

from ..benchmarks.hosting import Hosting
from ..protocol.bodies import Batch, read_body
from ..protocol.calls import Call
from ..protocol.encoding import PROTOCOL, select_fields
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem, still_running
from ..protocol.types import CreateItem, ForkItem, Problem, ResetItem, StepItem
from ..sessions.counts import Rates
from ..sessions.creation import Creation
from ..sessions.documents import journal_document, line_of, standing
from ..sessions.health import check
from ..sessions.metrics import Metrics
from ..sessions.pending import Pending, as_completed, in_order
from ..sessions.service import Service
from ..sessions.taken import in_hand, taken_over
from .board_calls import BoardCalls
from .hosted_calls import HostedCalls, permit
from .keys import Caller
from .messages import Request, Response
from .places import Places
from .router_side import RouterSideCalls
from .taking_calls import TakingCalls

STREAM_PAUSE_S = 10.0
_PROBLEM = b'{"type"'  # how a problem begins, and no reply


class Calls(HostedCalls, BoardCalls, TakingCalls, RouterSideCalls):
    """The calls of the protocol on one service.

    Args:
        service: where the sessions live.
        creation: how they come to be.
        hosting: the benchmarks that are hosted.
    """

    def __init__(
        self, service: Service, creation: Creation | None = None, hosting: Hosting | None = None
    ) -> None:
        self.service, self.creation, self.hosting = service, creation or Creation(service), hosting
        self.places = Places()
        self.under_way: set[asyncio.Task[Any]] = set()  # answers that websockets wait for
        self._rates = Rates(service.limits.rate, service.ledger) if service.limits.rate.max_rate else None

    def admit(self, caller: Caller) -> None:
        """Count a request against the rate of its key.

        Raises:
            Refused: 429, if the key makes too many.
        """
        if self._rates is not None:
            self._rates.take(caller.name, self.service.clock())

    async def call(self, call: Call, request: Request) -> Response:
        """Answer a call.

        Raises:
            Refused: if its body is not one, or it cannot be answered.
        """
        permit(request.caller, call)
        body = read_body(call, request.body, request.id, self.service.limits)
        if call.answer == "items":
            return self.batch(await self.rows(call, request, body))
        return await self.respond(call, request, body)

    async def respond(self, call: Call, request: Request, body: Any) -> Response:
        """Answer a call whose body has been read."""
        response: Response = await getattr(self, call.name)(request, body)
        return response

    async def rows(self, call: Call, request: Request, items: Sequence[Any]) -> list[bytes]:
        """Answer a call row by row: encoded replies and problems, in order of the items."""
        rows: list[bytes] = await getattr(self, call.name)(request, items)
        return rows

    async def create(self, request: Request, batch: Batch[CreateItem]) -> Response:
        """Make and reset sessions."""
        caller = request.caller
        body = await self.creation.create(
            caller.name,
            batch.items,
            request_id=batch.request_id,
            keep_private=not caller.evaluation,
            wait_s=request.wait_s or 0.0,
        )
        return self._made(body).only(request.fields)

    async def fork(self, request: Request, batch: Batch[ForkItem]) -> Response:
        """Copy sessions in the state they are in."""
        body = await self.creation.fork(
            request.caller.name,
            batch.items,
            request_id=batch.request_id,
            wait_s=request.wait_s or 0.0,
        )
        return self._made(body).only(request.fields)

    async def step(self, request: Request, item: StepItem) -> Response:
        """Take one step; after `wait_s` say 202 and where to ask again."""
        pending = self.service.step(request.caller.name, item)
        return await self.settle(pending, item, request.wait_s, request.fields)

    async def play(self, request: Request, step: tuple[StepItem, str]) -> Response:
        """Take one step of a session that was taken over."""
        return await self.settle(self.service.step(request.caller.name, *step), None, None, request.fields)

    def runs_now(self, caller: Caller, items: Sequence[StepItem]) -> bool:
        """Tell whether steps run synchronously, so that `step_now` and `steps_now` may take them."""
        return all(self.service.runs_now(caller.name, item.id) for item in items)

    def step_now(self, caller: Caller, item: StepItem) -> Response:
        """Take one step that runs synchronously; what it recorded is still to be committed."""
        return self._settled(self.service.step(caller.name, item), ())

    def steps_now(self, caller: Caller, items: Sequence[StepItem]) -> Response:
        """Take many steps that run synchronously; what they recorded is still to be committed."""
        return self.batch(self.rows_now(caller, items))

    def rows_now(self, caller: Caller, items: Sequence[StepItem]) -> list[bytes]:
        """Do as `steps_now`; return the rows."""
        return [self._row(self.service.step(caller.name, item), ()) for item in items]

    async def steps(self, request: Request, items: Sequence[StepItem]) -> list[bytes]:
        """Take many steps and answer in order; those not done after `wait_s` are said to be running."""
        pending = [self.service.step(request.caller.name, item) for item in items]
        tasks = {answer for answer in pending if isinstance(answer, asyncio.Task)}
        if tasks:
            await asyncio.wait(tasks, timeout=request.wait_s)
        rows = [
            answer
            if not isinstance(answer, asyncio.Task)
            else answer.result()
            if answer.done()
            else still_running(item.id, item.episode, item.turn)
            for item, answer in zip(items, pending, strict=True)
        ]
        await self.service.commit()
        return [self._row(row, request.fields) for row in rows]

    async def stream(
        self, caller: Caller, items: Sequence[StepItem], fields: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        """Take many steps and give lines in order of completion.

        Each line names its session. While nothing is done an empty line now and
        then says that the steps still run.
        """
        pending = [(item.id, self.begin(caller, item)) for item in items]
        async with aclosing(as_completed(pending, STREAM_PAUSE_S)) as moments:
            async for done in moments:
                yield await self._lines(done, fields) if done else b"\n"

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

    async def reset(self, request: Request, items: Sequence[ResetItem]) -> list[bytes]:
        """Start episodes of many sessions."""
        rows = await in_order([self.service.reset(request.caller.name, item) for item in items])
        await self.service.commit()
        return [self._row(row, request.fields) for row in rows]

    async def reset_one(self, request: Request, item: ResetItem) -> Response:
        """Start an episode of one session."""
        return await self.settle(self.service.reset(request.caller.name, item), None, None, request.fields)

    async def close(self, request: Request, ids: Sequence[str]) -> Response:
        """Close sessions."""
        closed = self.service.close(request.caller.name, ids)
        await self.service.commit()
        elsewhere = self.service.moves.elsewhere(request.caller.name, ids)
        return Response(200, orjson.dumps({"closed": closed, **elsewhere}))

    async def delete(self, request: Request, _: None) -> Response:
        """Close one session."""
        session = self.service.find(request.caller.name, request.id)
        if session is not None and session.operated is not None and in_hand(session.operated):
            return self.refused(taken_over(request.id, session.operated.reason))
        if not self.service.close(request.caller.name, [request.id]):
            return self._missing(request)
        await self.service.commit()
        return Response(200, orjson.dumps({"closed": [request.id]}))

    async def heartbeat(self, request: Request, ids: Sequence[str]) -> Response:
        """Renew leases; say which sessions are there."""
        alive = [id for id in ids if self.service.find(request.caller.name, id) is not None]
        elsewhere = self.service.moves.elsewhere(request.caller.name, ids)
        return Response(200, orjson.dumps({"alive": alive, "ttl_s": self.service.limits.ttl_s, **elsewhere}))

    async def sessions(self, request: Request, _: None) -> Response:
        """List the sessions of a key, for a client that comes back."""
        now, owner = self.service.clock(), request.caller.name
        sessions = [
            session
            for session in self.service.sessions.values()
            if session.record.owner == owner and session.record.hosted is None
        ]
        return Response(200, orjson.dumps({"sessions": [line_of(session, now) for session in sessions]}))

    async def describe(self, request: Request, _: None) -> Response:
        """Say where a session stands; with `turn`, give the reply that leads to turn+1."""
        id, turn = request.id, request.turn
        session = self.service.find(request.caller.name, id)
        if session is None:
            return self._missing(request)
        if session.asleep and session.broken is None:
            await self.service.wake(session)
        if session.broken is not None:
            return self.refused(session.broken)
        if turn is not None:
            item = StepItem(id, session.record.episode, turn, session.last_action or "")
            if session.running is not None and session.running_call[:3] == ("step", item.episode, turn):
                response = await self.settle(session.running, item, request.wait_s or 0.0, ())
                return response.only(request.fields)
            if turn != session.turn - 1:
                return self.refused(session.object_to_step(item))
            await self.service.commit()
            return Response(200, session.last_reply).only(request.fields)
        head = orjson.dumps(standing(session))[:-1]
        await self.service.commit()
        return Response(200, head + b',"last":' + session.last_reply + b"}").only(request.fields)

    async def journal(self, request: Request, _: None) -> Response:
        """Give what a session would be rebuilt from."""
        session = self.service.find(request.caller.name, request.id)
        if session is None:
            return self._missing(request)
        return Response(200, orjson.dumps(journal_document(session.record)))

    async def envs(self, _request: Request, _: None) -> Response:
        """List the environments on offer."""
        return Response(200, orjson.dumps({"protocol": PROTOCOL, "envs": self.service.catalogue.listing()}))

    async def health(self) -> Response:
        """Say how the server is."""
        document = await check(self.service)
        return Response(200 if document["status"] == "ok" else 503, orjson.dumps(document))

    async def metrics(self) -> str:
        """Give the counters in Prometheus' text format."""
        return self.counted().render(self.open_by_env())

    def open_by_env(self) -> Counter[str]:
        """Return how many sessions of each environment are open here."""
        return Counter(session.record.env_id for session in self.service.sessions.values())

    def counted(self) -> Metrics:
        """Return the counters, those kept elsewhere brought up to date."""
        service = self.service
        if pools := service.catalogue.pools.values():
            service.metrics.note("workers_replaced", sum(pool.num_replaced for pool in pools))
        return service.metrics

    def _missing(self, request: Request) -> Response:
        return self.refused(self.service.moves.missing(request.caller.name, request.id))

    def refused(self, problem: Problem, retry_after_s: float | None = None) -> Response:
        """Answer with a problem."""
        self.service.metrics.refused(problem.code)
        return Response(problem.status, encode_problem(problem), PROBLEM_TYPE, retry_after_s)

    def batch(self, rows: Sequence[bytes]) -> Response:
        """Answer with a list; when nothing in it succeeded the status says so."""
        body = b",".join(rows)
        if rows and all(row.startswith(_PROBLEM) for row in rows):
            status = orjson.loads(rows[0])["status"]
            return Response(status, rows[0][:-1] + b',"items":[%b]}' % body, PROBLEM_TYPE)
        return Response(200, b'{"items":[%b]}' % body)

    async def settle(
        self, pending: Pending, item: StepItem | None, wait_s: float | None, fields: Sequence[str]
    ) -> Response:
        """Answer with what a step or a reset came to, or after `wait_s` that the step is running."""
        if isinstance(pending, asyncio.Task):
            if wait_s is not None and item is not None:
                await asyncio.wait({pending}, timeout=wait_s)
                if not pending.done():
                    return _still_running(item)
            pending = await asyncio.shield(pending)
        if self.service.journal.dirty and not isinstance(pending, Problem):
            await self.service.commit()
        return self._settled(pending, fields)

    def _settled(self, reply: Pending, fields: Sequence[str]) -> Response:
        if isinstance(reply, Problem):
            return self.refused(reply)
        assert isinstance(reply, bytes), "tasks were waited for"
        return Response(200, select_fields(reply, fields) if fields else reply)

    def _row(self, row: Pending, fields: Sequence[str]) -> bytes:
        if isinstance(row, Problem):
            self.service.metrics.refused(row.code)
            return encode_problem(row)
        assert isinstance(row, bytes), "tasks were waited for"
        return select_fields(row, fields) if fields else row

    def _made(self, body: bytes) -> Response:
        """Give the answer to a create or fork the status of its first problem if all failed."""
        if not body.startswith(b'{"sessions":[' + _PROBLEM):
            return Response(200, body)
        rows = orjson.loads(body)["sessions"]
        for row in rows:
            if "code" not in row:
                return Response(200, body)
            self.service.metrics.refused(row["code"])
        return Response(rows[0]["status"], orjson.dumps({**rows[0], "sessions": rows}), PROBLEM_TYPE)


def _still_running(item: StepItem) -> Response:
    document = {
        "id": item.id,
        "episode": item.episode,
        "turn": item.turn,
        "running": True,
        "poll": f"/v1/sessions/{item.id}?turn={item.turn}",
    }
    return Response(202, orjson.dumps(document))


def refusal_response(calls: Calls, refusal: Refused) -> Response:
    """Turn a refusal into an answer."""
    return calls.refused(refusal.problem, refusal.retry_after_s)
