"""A proxy between client and server that loses, delays, doubles, cuts and reorders.

Every fault is counted by the call that it hits, so that a result shows that
creates, resets and forks were hit as steps were. Reordered is counted where it
matters: a request reaches the server, or a reply the client, after one that the
proxy got later.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

__all__ = ["Faults", "Proxy"]

_CALLS = {
    b"/v1/sessions": "create",
    b"/v1/step": "step",
    b"/v1/reset": "reset",
    b"/v1/fork": "fork",
    b"/v1/close": "close",
}


@dataclass
class Faults:
    """How often each thing goes wrong, counted as (fault, call)."""

    random: random.Random
    drop_request: float = 0.04
    drop_reply: float = 0.04
    cut_reply: float = 0.01
    duplicate: float = 0.1
    delay_request: float = 0.3
    delay_reply: float = 0.3
    delay_s: float = 0.05
    late_s: float = 2.0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def happens(self, fault: str, call: str) -> bool:
        if self.random.random() < getattr(self, fault):
            self.seen[fault, call] += 1
            return True
        return False

    def table(self) -> dict[str, dict[str, int]]:
        """Return fault -> call -> how often."""
        table: dict[str, dict[str, int]] = {}
        for (fault, call), num in sorted(self.seen.items()):
            table.setdefault(fault, {})[call] = num
        return table


class Order:
    """What overtakes what on one side of the proxy."""

    def __init__(self) -> None:
        self.num_given = 0
        self.newest_passed = 0

    def ticket(self) -> int:
        self.num_given += 1
        return self.num_given

    def overtaken(self, ticket: int) -> bool:
        late = ticket < self.newest_passed
        self.newest_passed = max(ticket, self.newest_passed)
        return late


class Proxy:
    """A proxy that forwards HTTP requests one by one, badly."""

    def __init__(self, port: int, faults: Faults) -> None:
        self.port, self.faults = port, faults
        self.requests, self.replies = Order(), Order()
        self.late: set[asyncio.Task[None]] = set()
        self.open: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 24)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self.one(reader, writer):
                pass
        self.open.discard(writer)
        writer.close()

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in self.open:
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Carry one request and its reply; tell whether the connection lives on."""
        request = await read_message(reader)
        call, ticket = call_of(request), self.requests.ticket()
        await self.pause("delay_request", call)
        if self.faults.happens("drop_request", call):
            return False
        if self.faults.happens("duplicate", call):
            task = asyncio.create_task(self.again(request, call, ticket))
            self.late.add(task)
            task.add_done_callback(self.late.discard)
        reply = await self.forward(request, call, ticket)
        ticket = self.replies.ticket()
        await self.pause("delay_reply", call)
        if self.faults.happens("drop_reply", call):
            return False
        if self.replies.overtaken(ticket):
            self.faults.seen["reordered_reply", call] += 1
        whole = not self.faults.happens("cut_reply", call)
        writer.write(reply if whole else reply[: len(reply) // 2])
        await writer.drain()
        return whole

    async def pause(self, fault: str, call: str) -> None:
        if self.faults.happens(fault, call):
            await asyncio.sleep(self.faults.random.random() * self.faults.delay_s)

    async def again(self, request: bytes, call: str, ticket: int) -> None:
        """Send a copy later, when the client has gone on; nobody hears the reply."""
        await asyncio.sleep(self.faults.random.random() * self.faults.late_s)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.forward(request, call, ticket)

    async def forward(self, request: bytes, call: str, ticket: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        try:
            if self.requests.overtaken(ticket):
                self.faults.seen["reordered_request", call] += 1
            writer.write(request)
            await writer.drain()
            return await read_message(reader)
        finally:
            writer.close()


def call_of(request: bytes) -> str:
    path = request.split(b" ", 2)[1].partition(b"?")[0]
    return _CALLS.get(path, "other")


async def read_message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)
