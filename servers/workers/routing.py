"""The calls of the protocol where several workers hold the sessions.

The id of a session begins with the number of the worker that holds it. Whichever
worker takes a request answers for what it holds and asks the others for the
rest; what it was asked by another worker it never asks on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from ..http.dispatch import Answer, Calls
from ..http.keys import ANYONE, Caller
from ..protocol.bodies import CloseBody, ForkBody, HeartbeatBody, read, read_create
from ..protocol.encoding import PROTOCOL, problem_from
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem
from ..protocol.types import Problem, ResetItem, StepItem
from ..sessions.metrics import Metrics
from ..sessions.service import Pending
from .peer_calls import unpack_rows
from .routed_creation import Peer, SpreadCreation, worker_of

__all__ = ["SpreadCalls"]

T = TypeVar("T", StepItem, ResetItem)

_LOOK_S = 5.0  # for another worker to say how it is


class SpreadCalls(Calls):
    """Answer calls with the help of the other workers.

    Args:
        creation: makes sessions here and there, in the service of this worker.
        peers: number -> how to call that other worker.
    """

    def __init__(self, creation: SpreadCreation, peers: Mapping[int, Peer]) -> None:
        super().__init__(creation.service, creation)
        self._worker, self._peers, self._home_of = creation.worker, peers, creation.home_of

    def _holder(self, id: str) -> Peer | None:
        """Return the other worker that holds a session; None if this one would."""
        return self._peers.get(worker_of(id, len(self._peers) + 1, self._worker))

    async def create(self, caller: Caller, document: dict[str, Any], wait_s: float) -> Answer:
        """Make and reset sessions, at the home of the request."""
        limits = self.service.limits
        _, request_id, _ = read_create(document, limits)
        home = self._peers.get(self._home_of(caller.name, request_id))
        if home is not None:
            return await home.call("create", caller, document, wait_s)
        return await super().create(caller, document, wait_s)

    async def fork(self, caller: Caller, document: dict[str, Any], wait_s: float) -> Answer:
        """Copy sessions, at the home of the request."""
        body = read(ForkBody, document, self.service.limits)
        home = self._peers.get(self._home_of(caller.name, body.request_id))
        if home is not None:
            return await home.call("fork", caller, document, wait_s)
        return await super().fork(caller, document, wait_s)

    async def step(
        self, caller: Caller, item: StepItem, wait_s: float | None, fields: Sequence[str]
    ) -> Answer:
        """Take one step."""
        holder = self._holder(item.id)
        if holder is None:
            return await super().step(caller, item, wait_s, fields)
        row = [item.id, item.episode, item.turn, item.action]
        return await holder.call("step", caller, row, wait_s, fields)

    def immediate(self, caller: Caller, items: Sequence[StepItem]) -> bool:
        """Tell whether steps are ordinary calls of this worker."""
        return all(self._holder(item.id) is None for item in items) and super().immediate(caller, items)

    async def step_rows(
        self, caller: Caller, items: Sequence[StepItem], wait_s: float | None, fields: Sequence[str]
    ) -> list[bytes]:
        """Take many steps, each where its session is."""

        async def here(mine: Sequence[StepItem]) -> list[bytes]:
            return await Calls.step_rows(self, caller, mine, wait_s, fields)

        return await self._rows(items, here, "steps", caller, wait_s, fields)

    async def reset_rows(
        self, caller: Caller, items: Sequence[ResetItem], fields: Sequence[str]
    ) -> list[bytes]:
        """Start many episodes, each where its session is."""

        async def here(mine: Sequence[ResetItem]) -> list[bytes]:
            return await Calls.reset_rows(self, caller, mine, fields)

        return await self._rows(items, here, "resets", caller, fields)

    def begin(self, caller: Caller, item: StepItem) -> Pending:
        """Begin a step of a stream."""
        holder = self._holder(item.id)
        if holder is None:
            return super().begin(caller, item)
        return asyncio.ensure_future(_stepped(holder, caller, item))

    async def reset_one(
        self, caller: Caller, id: str, document: dict[str, Any], fields: Sequence[str]
    ) -> Answer:
        """Start an episode of one session."""
        holder = self._holder(id)
        if holder is None:
            return await super().reset_one(caller, id, document, fields)
        return await holder.call("reset_one", caller, id, document, fields)

    async def describe(self, caller: Caller, id: str, turn: int | None, wait_s: float) -> Answer:
        """Say where a session stands."""
        holder = self._holder(id)
        if holder is None:
            return await super().describe(caller, id, turn, wait_s)
        return await holder.call("describe", caller, id, turn, wait_s)

    async def journal(self, caller: Caller, id: str) -> Answer:
        """Give what a session would be rebuilt from."""
        holder = self._holder(id)
        if holder is None:
            return await super().journal(caller, id)
        return await holder.call("journal", caller, id)

    async def delete(self, caller: Caller, id: str) -> Answer:
        """Close one session."""
        holder = self._holder(id)
        if holder is None:
            return await super().delete(caller, id)
        return await holder.call("delete", caller, id)

    async def close(self, caller: Caller, document: dict[str, Any]) -> Answer:
        """Close sessions."""
        ids = read(CloseBody, document, self.service.limits).ids
        told = await self._by_id("close", caller, ids, super().close)
        closed = {id for answer in told for id in answer["closed"]}
        return Answer(200, orjson.dumps({"closed": [id for id in dict.fromkeys(ids) if id in closed]}))

    async def heartbeat(self, caller: Caller, document: dict[str, Any]) -> Answer:
        """Renew leases; say which sessions are there."""
        ids = read(HeartbeatBody, document, self.service.limits).ids
        told = await self._by_id("heartbeat", caller, ids, super().heartbeat)
        alive = {id for answer in told for id in answer["alive"]}
        document = {"alive": [id for id in ids if id in alive], "ttl_s": self.service.limits.ttl_s}
        return Answer(200, orjson.dumps(document))

    async def sessions(self, caller: Caller) -> Answer:
        """List the sessions of a key at all workers."""
        rows = self.session_rows(caller)
        for answer in await asyncio.gather(*[peer.call("sessions", caller) for peer in self._peers.values()]):
            rows += _accepted(answer)
        return Answer(200, orjson.dumps({"sessions": rows}))

    async def health(self) -> Answer:
        """Say how the workers are; the server is well when all of them are."""
        numbers = sorted([*self._peers, self._worker])
        rows = await asyncio.gather(*[self._health_of(number) for number in numbers])
        states = [row["status"] for row in rows]
        status = next((state for state in states if state != "ok"), "ok")
        document = {
            "status": status,
            "protocol": PROTOCOL,
            "version": rows[self._worker]["version"],
            "sessions": sum(row.get("sessions", 0) for row in rows),
            "workers": [
                {
                    "worker": number,
                    "status": row["status"],
                    "sessions": row.get("sessions", 0),
                    "pid": row.get("pid"),
                }
                for number, row in zip(numbers, rows, strict=True)
            ],
        }
        return Answer(200 if status == "ok" else 503, orjson.dumps(document))

    async def metrics(self) -> str:
        """Give the counters of all workers together; one that is being replaced counts from nothing."""
        total, num_open = Metrics(), len(self.service.sessions)
        total.absorb(self.counted().state())
        for peer in self._peers.values():
            try:
                async with asyncio.timeout(_LOOK_S):
                    state = _accepted(await peer.call("metrics", ANYONE))
            except (Refused, TimeoutError):
                continue
            total.absorb(state)
            num_open += state["open"]
        return total.render(num_open)

    async def _health_of(self, number: int) -> dict[str, Any]:
        if number == self._worker:
            document: dict[str, Any] = orjson.loads((await super().health()).body)
            return {**document, "pid": os.getpid()}
        try:
            async with asyncio.timeout(_LOOK_S):
                return dict(_accepted(await self._peers[number].call("health", ANYONE)))
        except Refused as refusal:
            return {"status": refusal.problem.code}
        except TimeoutError:
            return {"status": "silent"}

    async def _rows(
        self,
        items: Sequence[T],
        here: Callable[[Sequence[T]], Awaitable[list[bytes]]],
        name: str,
        caller: Caller,
        *arguments: Any,
    ) -> list[bytes]:
        """Do each item where its session is, all at once, and return the rows in order."""
        num_workers = len(self._peers) + 1
        groups: dict[int, list[int]] = {}
        for place, item in enumerate(items):
            groups.setdefault(worker_of(item.id, num_workers, self._worker), []).append(place)
        mine = groups.pop(self._worker, [])
        asked: list[asyncio.Task[list[bytes]]] = []
        for worker, places in groups.items():
            part = [items[place] for place in places]
            asked.append(asyncio.create_task(_rows_of(self._peers[worker], part, name, caller, arguments)))
        rows = [b""] * len(items)
        if asked:
            await asyncio.sleep(0)  # the others begin before this worker does its own
        own = await here([items[place] for place in mine])
        for places, got in zip([mine, *groups.values()], [own, *await asyncio.gather(*asked)], strict=True):
            for place, row in zip(places, got, strict=True):
                rows[place] = row
        return rows

    async def _by_id(
        self,
        name: str,
        caller: Caller,
        ids: Sequence[str],
        here: Callable[[Caller, dict[str, Any]], Coroutine[Any, Any, Answer]],
    ) -> list[dict[str, Any]]:
        """Make a call that takes ids, at each worker with its own; return the decoded answers.

        Raises:
            Refused: if one of them refuses; the others have done their part.
        """
        groups: dict[int, list[str]] = {}
        for id in ids:
            groups.setdefault(worker_of(id, len(self._peers) + 1, self._worker), []).append(id)
        work = [
            here(caller, {"ids": part})
            if worker == self._worker
            else self._peers[worker].call(name, caller, part)
            for worker, part in groups.items()
        ]
        answers = await asyncio.gather(*work, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [_accepted(answer) for answer in answers if isinstance(answer, Answer)]


async def _stepped(holder: Peer, caller: Caller, item: StepItem) -> bytes | Problem:
    """Take a step elsewhere."""
    row = [item.id, item.episode, item.turn, item.action]
    try:
        answer = await holder.call("step", caller, row, None, [])
    except Refused as refusal:
        return refusal.problem
    return answer.body if answer.media_type != PROBLEM_TYPE else problem_from(orjson.loads(answer.body))


async def _rows_of(
    peer: Peer, items: Sequence[StepItem] | Sequence[ResetItem], name: str, caller: Caller, arguments: Any
) -> list[bytes]:
    """Have items done by another worker; a refusal of the whole becomes one of each item."""
    rows = [[getattr(item, member) for member in item.__slots__] for item in items]
    try:
        answer = await peer.call(name, caller, rows, *arguments)
    except Refused as refusal:
        return [encode_problem(refusal.problem)] * len(items)
    return unpack_rows(answer.body) if answer.status == 200 else [answer.body] * len(items)


def _accepted(answer: Answer) -> Any:
    """Decode an answer.

    Raises:
        Refused: if it is a problem.
    """
    document = orjson.loads(answer.body)
    if answer.media_type == PROBLEM_TYPE:
        raise Refused(problem_from(document), answer.retry_after_s)
    return document
