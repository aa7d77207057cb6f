"""What workers of one server say to each other: calls and answers in frames over a unix socket.

A call is a JSON list, `[name, key, evaluation, arguments...]`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from ..http.dispatch import refusal_response
from ..http.frames import MAX_FRAME_BYTES, Frames, pack_answer, unpack_answer
from ..http.keys import Caller
from ..http.messages import Request, Response
from ..protocol.problems import Refused, draining, too_large, worker_gone
from .worker_calls import WorkerCalls

_CLOSE_S = 1.0


class WorkerConnection:
    """A connection to one other worker.

    Args:
        path: the socket on which it listens.
        worker: its number.
    """

    def __init__(self, path: Path, worker: int) -> None:
        self.worker = worker
        self._path = path
        self._numbers = count()
        self._end: _CallingEnd | None = None
        self._connecting = asyncio.Lock()

    async def call(self, name: str, caller: Caller, *arguments: Any) -> Response:
        """Make a call and return its answer, a problem where it was refused.

        Raises:
            Refused: 503, if the worker ends before it has answered: the call may be
                repeated as it may after any lost answer.
        """
        content = orjson.dumps([name, caller.name, caller.evaluation, *arguments])
        if len(content) > MAX_FRAME_BYTES:
            raise Refused(too_large("bytes of the call", len(content), MAX_FRAME_BYTES))
        end = self._end
        if end is None or end.closed:
            end = await self._connected()
        number = next(self._numbers)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        end.waiting[number] = answer
        end.send(number, content)
        try:
            return await answer
        finally:
            end.waiting.pop(number, None)

    def close(self) -> None:
        """Close the connection."""
        if self._end is not None and self._end.transport is not None:
            self._end.transport.close()

    async def _connected(self) -> _CallingEnd:
        async with self._connecting:
            if self._end is None or self._end.closed:
                loop = asyncio.get_running_loop()
                try:
                    _, self._end = await loop.create_unix_connection(
                        lambda: _CallingEnd(self.worker), str(self._path)
                    )
                except OSError as error:
                    raise Refused(worker_gone(self.worker), retry_after_s=1.0) from error
            return self._end


class _CallingEnd(Frames):
    """The end of a connection that calls."""

    def __init__(self, worker: int) -> None:
        super().__init__()
        self.closed = False
        self.waiting: dict[int, asyncio.Future[Response]] = {}
        self._worker = worker

    def framed(self, number: int, content: bytes) -> None:
        """Give an answer to the caller that waits for it, if it still does."""
        answer = self.waiting.get(number)
        if answer is not None and not answer.done():
            answer.set_result(unpack_answer(content))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        for answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(Refused(worker_gone(self._worker), retry_after_s=1.0))


class WorkerServer:
    """The end at which other workers call.

    Args:
        worker_calls: what they may call.
    """

    def __init__(self, worker_calls: WorkerCalls) -> None:
        self.worker_calls = worker_calls
        self.draining = False
        self._ends: set[_AnsweringEnd] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def protocol(self) -> asyncio.Protocol:
        """Make the end of a new connection."""
        return _AnsweringEnd(self, self._ends)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Answer one call beside the others."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let the calls under way be answered, and close the connections."""
        if self._tasks:
            _, stuck = await asyncio.wait(set(self._tasks), timeout=_CLOSE_S)
            for task in stuck:
                task.cancel()
        for end in list(self._ends):
            if end.transport is not None:
                end.transport.close()


class _AnsweringEnd(Frames):
    """The end of a connection that answers."""

    def __init__(self, server: WorkerServer, ends: set[_AnsweringEnd]) -> None:
        super().__init__()
        self._server, self._ends = server, ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._ends.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ends.discard(self)

    def framed(self, number: int, content: bytes) -> None:
        """Answer a call: synchronously if it can be, else as a task."""
        name, key, evaluation, *arguments = orjson.loads(content)
        caller = Caller(key, evaluation)
        if self._server.draining:
            refusal = Refused(draining(), retry_after_s=1.0)
            self._reply(number, refusal_response(self._server.worker_calls.calls, refusal))
            return
        if name == "step":
            answer = self._server.worker_calls.step_now(Request(caller, *arguments))
            if isinstance(answer, Response):
                self._reply(number, answer)
                return
            self._server.start(self._answer(number, lambda: answer))
            return
        worker_calls = self._server.worker_calls
        self._server.start(self._answer(number, lambda: worker_calls.answer(name, caller, arguments)))

    async def _answer(self, number: int, call: Callable[[], Coroutine[Any, Any, Response]]) -> None:
        try:
            answer = await call()
        except Refused as refusal:
            answer = refusal_response(self._server.worker_calls.calls, refusal)
        self._reply(number, answer)

    def _reply(self, number: int, answer: Response) -> None:
        if len(answer.body) > MAX_FRAME_BYTES:
            problem = too_large("bytes of the answer", len(answer.body), MAX_FRAME_BYTES)
            answer = self._server.worker_calls.calls.refused(problem)
        self.send(number, pack_answer(answer))
