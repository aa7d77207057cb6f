"""Steps of many sessions answered line by line, in order of completion, by all their servers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

import orjson

from ..http.dispatch import STREAM_PAUSE_S
from ..http.keys import Caller
from ..http.link import MORE
from ..http.messages import Request
from ..protocol.calls import CALLS
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem
from ..protocol.router_problems import server_gone
from ..protocol.types import StepItem
from ..workers.routed_creation import members_of
from .batches import PROBLEM, asked_on, is_not_last, split
from .routes import Routes

_STEPS = CALLS["steps"]


async def streamed(
    calls: Routes, caller: Caller, items: Sequence[StepItem], fields: Sequence[str]
) -> AsyncGenerator[bytes, None]:
    """Take steps, and give lines as they come; an empty one now and then while nothing does."""
    streams = _Streams(calls, caller, items, fields)
    try:
        while streams.tasks or not streams.lines.empty():
            try:
                async with asyncio.timeout(STREAM_PAUSE_S):
                    chunk = await streams.lines.get()
            except TimeoutError:
                chunk = b"\n"
            if chunk:
                yield chunk
    finally:
        for task in streams.tasks:
            task.cancel()


class _Streams:
    """The parts of a stream, each at a server, and what they have come to."""

    def __init__(
        self, calls: Routes, caller: Caller, items: Sequence[StepItem], fields: Sequence[str]
    ) -> None:
        self._calls, self._request = calls, Request(caller, fields=fields)
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        groups, gone = split(calls.finder, [item.id for item in items])
        for name, places in groups.items():
            self._start(self._part(name, [items[place] for place in places]))
        for name, places in gone.items():
            for place in places:
                self._start(
                    self._ask_on(items[place], name, encode_problem(server_gone(name, items[place].id)))
                )

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.lines.put_nowait(b"")  # so that nobody waits for what does not come

    async def _part(self, name: str, items: Sequence[StepItem]) -> None:
        """Take the steps of one server's sessions."""
        given: list[bytes] = []
        problem = encode_problem(server_gone(name))
        server = self._calls.fleet.named(name)
        if server is not None and server.link is not None:
            rows = [members_of(item) for item in items]
            stream = server.link.stream("lines", self._request.caller, rows, self._request.fields)
            try:
                async with aclosing(stream) as parts:
                    async for part in parts:
                        if part.status == MORE:
                            given.append(part.body)
                            self.lines.put_nowait(self._last_words(part.body, items, name))
                        elif part.media_type == PROBLEM_TYPE:
                            problem = part.body
                        else:
                            return
            except Refused as refusal:
                problem = encode_problem(refusal.problem)
        answered = ids_of(given)
        for item in items:  # the server refused, or was lost in the middle
            if item.id not in answered:
                self._start(self._ask_on(item, name, problem))

    def _last_words(self, chunk: bytes, items: Sequence[StepItem], name: str) -> bytes:
        """Return the lines of a chunk that are the last word, and ask on for the others."""
        if not chunk.startswith(PROBLEM) and b"\n" + PROBLEM not in chunk:
            return chunk
        lines = []
        for line in chunk.split(b"\n"):
            if line.startswith(PROBLEM):
                id = orjson.loads(line).get("id")
                item = next((item for item in items if item.id == id), None)
                if item is not None and is_not_last(self._calls.finder, item.id, line):
                    self._start(self._ask_on(item, name, line))
                    continue
            lines.append(line)
        return b"\n".join(lines)

    async def _ask_on(self, item: StepItem, asked: str, problem: bytes) -> None:
        row = await asked_on(self._calls, _STEPS, self._request, item, asked, problem)
        self.lines.put_nowait(row + b"\n")


def ids_of(chunks: Sequence[bytes]) -> set[str]:
    """Return which sessions lines are about."""
    lines = [line for chunk in chunks for line in chunk.split(b"\n") if line]
    return {str(orjson.loads(line).get("id")) for line in lines}
