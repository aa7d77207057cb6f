"""Create and fork over many servers; which one gets what: `placing`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from ..http.messages import Request, Response
from ..protocol.bodies import Batch
from ..protocol.encoding import problem_from
from ..protocol.problems import PROBLEM_TYPE, Refused
from ..protocol.router_problems import no_server
from ..protocol.types import CreateItem, ForkItem
from ..workers.routed_creation import chunks
from .asking import arguments_of, ask
from .fleet import Fleet, Server
from .placing import num_parts, ranked
from .routes import Routes

_HEAD, _TAIL = b'{"sessions":[', b"]}"
_ELSEWHERE = frozenset({"capacity", "draining"})


class RouterCreation:
    """How sessions come to be at the servers.

    Args:
        fleet: the servers.
        calls: of the router.
    """

    def __init__(self, fleet: Fleet, calls: Routes) -> None:
        self._fleet, self._calls = fleet, calls

    async def create(self, request: Request, batch: Batch[CreateItem]) -> bytes:
        """Make sessions, parts of about equal size where there is room; return the whole answer.

        Raises:
            Refused: if a part finds no server; the others are found again when the request is repeated.
        """
        num = sum(item.count for item in batch.items)
        parts = list(chunks(batch.items, num_parts(self._fleet.answering, num)))
        servers = ranked(self._fleet.answering, request.caller.name, batch.request_id)
        work = [
            self._part(
                request,
                part,
                _part_name(batch.request_id, number, len(parts)),
                _from(servers, number, len(parts)),
            )
            for number, part in enumerate(parts)
        ]
        return _joined(await asyncio.gather(*work, return_exceptions=True))

    async def fork(self, request: Request, batch: Batch[ForkItem]) -> bytes:
        """Copy sessions, each where it is; return the whole answer.

        Raises:
            Refused: if one cannot be copied for now.
        """
        work = [
            self._copied(request, item, _part_name(batch.request_id, number, len(batch.items)))
            for number, item in enumerate(batch.items)
        ]
        return _joined(await asyncio.gather(*work, return_exceptions=True))

    async def _part(
        self, request: Request, items: Sequence[CreateItem], name: str | None, servers: Sequence[Server]
    ) -> bytes:
        num = sum(item.count for item in items)
        rows = [{member: getattr(item, member) for member in item.__slots__} for item in items]
        refusal = Refused(no_server("no server takes new sessions"), retry_after_s=1.0)
        waits = request.wait_s
        for server in [*servers, *servers[:1]] if waits else servers:
            last = server is servers[0] and refusal.problem.code in _ELSEWHERE
            asked = request._replace(body={"items": rows, "request_id": name}, wait_s=waits if last else None)
            server.promised += num
            answer = await ask(server, "create", request.caller, arguments_of(asked))
            try:
                return _rows_of(answer)
            except Refused as error:
                server.promised -= num
                refusal = error
                if error.problem.code not in _ELSEWHERE:
                    raise
        raise refusal

    async def _copied(self, request: Request, item: ForkItem, name: str | None) -> bytes:
        row = {member: getattr(item, member) for member in item.__slots__}
        asked = request._replace(body={"items": [row], "request_id": name})
        return _rows_of(
            await self._calls.at_session(request.caller, item.id, "fork", arguments_of(asked)), item.count
        )


def _from(servers: Sequence[Server], number: int, num: int) -> list[Server]:
    """Order servers for one of so many parts: each of the first `num` servers is the first of one part."""
    first = [*servers[number:num], *servers[:number]]
    return [*first, *servers[num:]]


def _part_name(request_id: str | None, number: int, num: int) -> str | None:
    """Return the name of a part of a request, by which its server knows it again."""
    if request_id is None or num == 1:
        return request_id
    return hashlib.blake2b(f"{number}/{num} {request_id}".encode(), digest_size=16).hexdigest()


def _rows_of(answer: Response, num_if_refused: int = 0) -> bytes:
    """Take the rows out of an answer.

    Raises:
        Refused: if the request was refused as a whole.
    """
    if answer.media_type != PROBLEM_TYPE:
        return answer.body[len(_HEAD) : -len(_TAIL)]
    document: dict[str, Any] = orjson.loads(answer.body)
    if "sessions" in document:
        return orjson.dumps(document["sessions"])[1:-1]
    problem = problem_from(document)
    if num_if_refused and problem.status == 404:
        return b",".join([answer.body] * num_if_refused)
    raise Refused(problem, answer.retry_after_s)


def _joined(parts: Sequence[bytes | BaseException]) -> bytes:
    rows: list[bytes] = []
    for part in parts:
        if isinstance(part, BaseException):
            raise part
        rows.append(part)
    return _HEAD + b",".join(rows) + _TAIL
