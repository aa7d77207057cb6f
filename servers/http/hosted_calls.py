"""The calls of hosted runs, and what a key that plays benchmarks may call at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ..benchmarks import refusals
from ..benchmarks.hosting import Hosting
from ..benchmarks.signing import keys_document
from ..protocol.bodies import NextBody, StartRunBody, TaskBody
from ..protocol.calls import Call
from ..protocol.problems import Refused
from .keys import Caller
from .messages import Request, Response

if TYPE_CHECKING:
    from ..sessions.service import Service

_OF_RUNS = frozenset(
    {
        *("step", "steps", "benchmarks", "start_run", "next", "forfeit", "run", "record", "log", "log_since"),
        *("board", "board_pair"),
    }
)
_DONE = b'{"done":true}'


def permit(caller: Caller, call: Call) -> None:
    """Let a key that plays benchmarks make the calls of its runs and no others.

    Raises:
        Refused: 403.
    """
    if caller.benchmarks and call.name not in _OF_RUNS:
        raise Refused(refusals.key_for_runs(call.name))


class HostedCalls:
    """The calls of hosted runs, for the calls of a server to include."""

    service: Service
    hosting: Hosting | None

    async def benchmarks(self, request: Request, _: None) -> Response:
        """List the benchmarks that a key may play, with its name and the keys that sign its records."""
        hosting, caller = self.hosting, request.caller
        rows = [] if hosting is None else [hosting.benchmarks[name].shown for name in caller.benchmarks]
        keys = keys_document([] if hosting is None else hosting.public_keys)
        return Response(200, orjson.dumps({"owner": caller.name, "benchmarks": rows, **keys}))

    async def start_run(self, request: Request, body: StartRunBody) -> Response:
        """Open a run."""
        name, caller = request.id, request.caller
        if self.hosting is None or name not in caller.benchmarks:
            raise Refused(refusals.unknown_benchmark(name))
        run = self.hosting.start(caller.name, name, body.agent, body.config, body.request_id)
        await self.service.commit()
        return self._told(self.hosting.standing(run))

    async def next(self, request: Request, body: NextBody) -> Response:
        """Deal a task, or give the session of one that was dealt, or say that the run is over."""
        hosting = self._hosting(request)
        run = hosting.find(request.caller.name, request.id)
        spent = None if body.spent is None else body.spent.model_dump(exclude_none=True)
        reply = await hosting.deal(run, body.task, spent)
        await self.service.commit()
        return Response(200, _DONE if reply is None else b'{"session":' + reply + b"}")

    async def forfeit(self, request: Request, body: TaskBody) -> Response:
        """End a task as lost."""
        hosting = self._hosting(request)
        run = hosting.find(request.caller.name, request.id)
        hosting.forfeit(run, body.task)
        await self.service.commit()
        return self._told(hosting.standing(run))

    async def run(self, request: Request, _: None) -> Response:
        """Say how a run stands."""
        hosting = self._hosting(request)
        run = hosting.find(request.caller.name, request.id)
        await self.service.commit()
        return self._told(hosting.standing(run))

    async def record(self, request: Request, _: None) -> Response:
        """Give the signed record of a run that is over."""
        hosting = self._hosting(request)
        document = hosting.record(hosting.find(request.caller.name, request.id))
        await self.service.commit()
        return self._told(document)

    async def log(self, _request: Request, _: None) -> Response:
        """Give the signed head of the log."""
        if self.hosting is None or self.hosting.book.log is None:
            raise Refused(refusals.no_log())
        await self.service.commit()
        return self._told(self.hosting.book.log.head())

    async def log_since(self, request: Request, _: None) -> Response:
        """Prove that the log still begins with what an earlier head told of."""
        if self.hosting is None or self.hosting.book.log is None:
            raise Refused(refusals.no_log())
        records, given = self.hosting.book.log, request.id
        size = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0
        if not 1 <= size <= len(records):
            raise Refused(refusals.unknown_size(given, len(records)))
        await self.service.commit()
        return self._told(records.since(size))

    def _hosting(self, request: Request) -> Hosting:
        if self.hosting is None:
            raise Refused(refusals.unknown_run(request.id))
        return self.hosting

    def _told(self, document: dict[str, Any]) -> Response:
        return Response(200, orjson.dumps(document))
