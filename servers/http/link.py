"""The end of a link at a server: where a router calls for everybody.

A link is one connection on the server's own port, `GET /v1/link` with `Upgrade: turnwise-link`, and
frames from then on (`frames`). Whoever opens it has checked who calls, so that it takes a key marked
`router` where the server has keys at all. A call is `[name, key, evaluation, benchmarks, arguments...]`.
A step that runs synchronously is answered without a task, as over HTTP, and without HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from ..protocol.bodies import items_of
from ..protocol.calls import CALLS
from ..protocol.problems import Refused, draining, internal_error, too_large
from ..protocol.types import StepItem
from .dispatch import Calls, refusal_response
from .frames import MAX_FRAME_BYTES, Frames, pack_answer, pack_rows
from .keys import Caller
from .messages import Request, Response

if TYPE_CHECKING:
    from .group_commit import GroupCommit

log = logging.getLogger("turnwise.servers")

PATH = b"/v1/link"
UPGRADE = b"turnwise-link"
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: turnwise-link\r\n\r\n"
MORE = 100
"""The status of an answer of which more follows."""
_STEP = CALLS["step"]


class LinkEnd(Frames):
    """The end of a link that answers.

    Args:
        calls: of the server.
        commits: where answers wait for the journal.
        connections: of the server, one of which this is.
    """

    def __init__(self, calls: Calls, commits: GroupCommit, connections: set[Any]) -> None:
        super().__init__()
        self._calls, self._commits, self._connections = calls, commits, connections
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say yes to the link."""
        super().connection_made(transport)
        self._connections.add(self)
        assert self.transport is not None, "just made"
        self.transport.write(ACCEPTED)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end; what runs goes on, and is answered from store when it is asked again."""
        self._connections.discard(self)

    def pause_writing(self) -> None:
        """Take nothing more while nobody takes the answers."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if self.transport is not None:
            self.transport.resume_reading()

    def shutdown(self) -> None:
        """Hang up when what is under way has been answered."""
        self._ending = True
        if not self._tasks and self.transport is not None:
            self.transport.close()

    def framed(self, number: int, content: bytes) -> None:
        """Answer a call: synchronously if it can be, else as a task."""
        name, key, evaluation, benchmarks, *arguments = orjson.loads(content)
        caller = Caller(key, evaluation, tuple(benchmarks))
        if self._calls.service.draining:
            self._reply(number, refusal_response(self._calls, Refused(draining(), retry_after_s=1.0)))
            return
        try:
            answer = self._at_once(name, caller, arguments)
            if answer is None:
                self._start(number, self._answer(number, name, caller, arguments))
            elif answer.status == 200 and self._calls.service.journal.dirty:
                self._commits.give(partial(self._given, number), answer)
            else:
                self._reply(number, answer)
        except Exception:
            # asked for again, a step is answered from store or fails where it is reported
            log.exception("a step was not answered at once")
            self._reply(number, refusal_response(self._calls, Refused(internal_error())))

    def _at_once(self, name: str, caller: Caller, arguments: list[Any]) -> Response | None:
        """Take steps that run synchronously; None where that is not what is asked."""
        if name not in ("step", "steps") or arguments[2]:
            return None
        rows = [arguments[0]] if name == "step" else arguments[0]
        items = [StepItem(*row) for row in rows]
        if not self._calls.runs_now(caller, items):
            return None
        if name == "step":
            return self._calls.step_now(caller, items[0])
        return Response(200, pack_rows(self._calls.rows_now(caller, items)))

    def _given(self, number: int, answer: Response | None) -> None:
        if answer is None:
            self.hang_up()  # nobody can tell whether it is durable
        else:
            self._reply(number, answer)

    def _start(self, number: int, work: Coroutine[Any, Any, Response]) -> None:
        async def answer() -> None:
            try:
                response = await work
            except Refused as refusal:
                response = refusal_response(self._calls, refusal)
            except Exception:
                log.exception("a call of a link failed")
                response = refusal_response(self._calls, Refused(internal_error()))
            self._reply(number, response)

        task = asyncio.create_task(answer())
        self._tasks.add(task)
        self._calls.under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._calls.under_way.discard(task)
        if self._ending:
            self.shutdown()

    async def _answer(self, number: int, name: str, caller: Caller, arguments: list[Any]) -> Response:
        """Answer a call of the protocol, or one of those that only routers make."""
        call, calls = CALLS.get(name), self._calls
        if name == "step":
            (id, episode, turn, action), wait_s, fields = arguments
            body = {"episode": episode, "turn": turn, "action": action}
            item = StepItem(id, episode, turn, action)
            return await calls.respond(_STEP, Request(caller, body, id, None, wait_s, fields), item)
        if call is not None and call.answer == "items":
            rows, wait_s, fields = arguments
            request = Request(caller, wait_s=wait_s, fields=fields)
            return Response(200, pack_rows(await calls.rows(call, request, items_of(call, rows))))
        if call is not None:
            return await calls.call(call, Request(caller, *arguments))
        if name == "lines":
            rows, fields = arguments
            async with aclosing(_stream(calls, caller, rows, fields)) as chunks:
                async for chunk in chunks:
                    self._reply(number, Response(MORE, chunk))
            return Response(200, b"")
        return await calls.of_router(name, caller, arguments)

    def _reply(self, number: int, answer: Response) -> None:
        if len(answer.body) > MAX_FRAME_BYTES:
            problem = too_large("bytes of the answer", len(answer.body), MAX_FRAME_BYTES)
            answer = self._calls.refused(problem)
        self.send(number, pack_answer(answer))


async def _stream(
    calls: Calls, caller: Caller, rows: list[list[Any]], fields: Sequence[str]
) -> AsyncGenerator[bytes, None]:
    items = [StepItem(*row) for row in rows]
    if not fields and calls.runs_now(caller, items):
        answered = calls.rows_now(caller, items)
        await calls.service.commit()
        yield b"\n".join([*answered, b""])
        return
    async with aclosing(calls.stream(caller, items, fields)) as chunks:
        async for chunk in chunks:
            yield chunk
