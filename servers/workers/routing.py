"""The calls of the protocol where several workers hold the sessions.

The id of a session begins with the number of the worker that holds it. Whichever
worker takes a request answers for what it holds and asks the others for the rest, as
the table of calls says where each belongs; what it was asked by another worker it
never asks on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ..http.dispatch import Calls
from ..http.frames import unpack_rows
from ..http.joining import document_of, documents_of, joined
from ..http.keys import ANYONE, Caller
from ..http.messages import Request, Response
from ..protocol.calls import Call
from ..protocol.encoding import PROTOCOL, problem_from
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem
from ..protocol.types import Problem, StepItem
from ..sessions.metrics import Metrics
from ..sessions.pending import Pending
from .routed_creation import RoutedCreation, Worker, members_of, worker_of

_CHECK_S = 5.0  # for another worker to say how it is


class RoutedCalls(Calls):
    """The calls of the protocol, answered with the help of the other workers.

    Args:
        creation: makes sessions here and there, in the service of this worker.
        workers: number -> how to call that other worker.
    """

    def __init__(self, creation: RoutedCreation, workers: Mapping[int, Worker]) -> None:
        super().__init__(creation.service, creation)
        self._number, self._workers, self._home_of = creation.worker, workers, creation.home_of

    async def respond(self, call: Call, request: Request, body: Any) -> Response:
        """Answer a call where it belongs."""
        worker = None
        if call.where == "sessions":
            return await self._at_holders(call, request, body)
        if call.where == "every":
            return await self._at_all(call, request, body)
        if call.where == "session":
            worker = self._holder(request.id)
        elif call.where == "home":
            worker = self._workers.get(self._home_of(request.caller.name, body.request_id))
        if worker is None:
            return await super().respond(call, request, body)
        return await worker.call(call.name, *request)

    async def rows(self, call: Call, request: Request, items: Sequence[Any]) -> list[bytes]:
        """Do each item where its session is, all at the same time, and return the rows in order."""
        groups = self._grouped([item.id for item in items])
        mine = groups.pop(self._number, [])
        asked = [
            asyncio.create_task(_rows_of(self._workers[number], call, request, [items[k] for k in places]))
            for number, places in groups.items()
        ]
        if asked:
            await asyncio.sleep(0)  # the others begin before this worker does its own
        own = await super().rows(call, request, [items[place] for place in mine])
        rows = [b""] * len(items)
        for places, done in zip([mine, *groups.values()], [own, *await asyncio.gather(*asked)], strict=True):
            for place, row in zip(places, done, strict=True):
                rows[place] = row
        return rows

    def runs_now(self, caller: Caller, items: Sequence[StepItem]) -> bool:
        """Tell whether steps run synchronously in this worker."""
        return all(self._holder(item.id) is None for item in items) and super().runs_now(caller, items)

    def begin(self, caller: Caller, item: StepItem) -> Pending:
        """Begin a step of a stream."""
        holder = self._holder(item.id)
        if holder is None:
            return super().begin(caller, item)
        return asyncio.ensure_future(_stepped(holder, caller, item))

    async def health(self) -> Response:
        """Say how the workers are; the server is well when all of them are."""
        numbers = sorted([*self._workers, self._number])
        rows = await asyncio.gather(*[self._health_of(number) for number in numbers])
        states = [row["status"] for row in rows]
        status = next((state for state in states if state != "ok"), "ok")
        document = {
            "status": status,
            "protocol": PROTOCOL,
            "version": rows[self._number]["version"],
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
        return Response(200 if status == "ok" else 503, orjson.dumps(document))

    async def metrics(self) -> str:
        """Give the counters of all workers together; one that is being replaced counts from nothing."""
        total, num_open = Metrics(), self.open_by_env()
        total.absorb(self.counted().state())
        for worker in self._workers.values():
            try:
                async with asyncio.timeout(_CHECK_S):
                    state = document_of(await worker.call("metrics", ANYONE))
            except (Refused, TimeoutError):
                continue
            total.absorb(state)
            num_open.update(state["open"])
        return total.render(num_open)

    async def _health_of(self, number: int) -> dict[str, Any]:
        if number == self._number:
            document: dict[str, Any] = orjson.loads((await super().health()).body)
            return {**document, "pid": os.getpid()}
        try:
            async with asyncio.timeout(_CHECK_S):
                return dict(document_of(await self._workers[number].call("health", ANYONE)))
        except Refused as refusal:
            return {"status": refusal.problem.code}
        except TimeoutError:
            return {"status": "silent"}

    async def of_router(self, name: str, caller: Caller, arguments: list[Any]) -> Response:
        """Answer a router: where its session is, or at every worker where it names none."""
        if name in ("depart", "arrive", "departed"):
            holder = self._holder(arguments[0])
            if holder is not None:
                return await holder.call("of_router", caller, name, *arguments)
        elif name in ("locate", "empty", "held"):
            work = [super().of_router(name, caller, arguments)]
            work += [other.call("of_router", caller, name, *arguments) for other in self._workers.values()]
            return Response(200, orjson.dumps(joined(documents_of(await asyncio.gather(*work)))))
        return await super().of_router(name, caller, arguments)

    def _holder(self, id: str) -> Worker | None:
        """Return the other worker that holds a session; None if this one would."""
        return self._workers.get(worker_of(id, len(self._workers) + 1, self._number))

    def _grouped(self, ids: Sequence[str]) -> dict[int, list[int]]:
        """Return the places of ids by the worker that holds the session."""
        groups: dict[int, list[int]] = {}
        for place, id in enumerate(ids):
            groups.setdefault(worker_of(id, len(self._workers) + 1, self._number), []).append(place)
        return groups

    async def _at_holders(self, call: Call, request: Request, ids: Sequence[str]) -> Response:
        """Make a call that takes ids, at each worker with its own, and join the answers.

        Raises:
            Refused: if one of them refuses; the others have done their part.
        """
        work = []
        for number, places in (self._grouped(ids) or {self._number: []}).items():
            part = [ids[place] for place in places]
            if number == self._number:
                work.append(super().respond(call, request, part))
            else:
                work.append(self._workers[number].call(call.name, *request._replace(body={"ids": part})))
        documents = documents_of(await asyncio.gather(*work, return_exceptions=True))
        return Response(200, orjson.dumps(joined(documents, ids)))

    async def _at_all(self, call: Call, request: Request, body: Any) -> Response:
        """Make a call at every worker, and join the answers."""
        work = [super().respond(call, request, body)]
        work += [worker.call(call.name, *request) for worker in self._workers.values()]
        return Response(200, orjson.dumps(joined(documents_of(await asyncio.gather(*work)))))


async def _stepped(holder: Worker, caller: Caller, item: StepItem) -> bytes | Problem:
    """Take a step elsewhere."""
    body = {"episode": item.episode, "turn": item.turn, "action": item.action}
    try:
        response = await holder.call("step", *Request(caller, body, item.id))
    except Refused as refusal:
        return refusal.problem
    if response.media_type != PROBLEM_TYPE:
        return response.body
    return problem_from(orjson.loads(response.body))


async def _rows_of(worker: Worker, call: Call, request: Request, items: Sequence[Any]) -> list[bytes]:
    """Have items done by another worker; a refusal of the whole becomes one of each item."""
    rows = [members_of(item) for item in items]
    try:
        response = await worker.call(call.name, *request._replace(body=rows))
    except Refused as refusal:
        return [encode_problem(refusal.problem)] * len(items)
    return unpack_rows(response.body) if response.status == 200 else [response.body] * len(items)
