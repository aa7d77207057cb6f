"""One connection of a box through the proxy: a tunnel (CONNECT), or one request of plain HTTP.

HTTP is read by h11 on both sides, and written anew, so that neither side sees more, or other, messages than
the proxy has judged; a connection carries one request. Sources: RFC 9110 (CONNECT, hop-by-hop fields), RFC
9112 (forms of a request's target).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import h11

from .addresses import Refusal, find
from .allowlist import Allowlist

_CHUNK_BYTES = 1 << 16
_MAX_HEAD_BYTES = 1 << 15
_CONNECT_S = 10.0
_LINGER_S = 1.0
_AUTHORITY = r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^\s:/?#@\[\]]+))(?::(?P<port>[0-9]{1,5}))?"
_TUNNEL = re.compile(_AUTHORITY)
_PLAIN = re.compile(rf"http://{_AUTHORITY}(?P<path>[/?].*)?", re.IGNORECASE)
_HOP_BY_HOP = {b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"expect", b"host"}
_ENDED = (OSError, TimeoutError, EOFError, h11.ProtocolError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What may go through the proxy of one box.

    Args:
        num_connections: at one time; further ones wait.
        num_bytes: of all connections together, both ways, as long as the box lives.
        idle_s: seconds in which a connection has to move something.
        whole_s: seconds that a connection may last.
    """

    num_connections: int = 64
    num_bytes: int = 4 << 30
    idle_s: float = 60.0
    whole_s: float = 1800.0


class Rules(Protocol):
    """What a connection is held to."""

    allowlist: Allowlist
    bounds: Bounds

    def note(self, what: str, why: str) -> None:
        """Note that something was refused."""

    def spend(self, num_bytes: int) -> None:
        """Count bytes."""


class Side:
    """One end of what is passed on: a stream, and how far HTTP has got on it."""

    def __init__(
        self,
        role: type[h11.CLIENT] | type[h11.SERVER],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        count: Callable[[int], None],
    ) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self.writer = writer
        self._reader, self._count = reader, count

    async def read(self) -> bytes:
        """Return what has come; nothing at the end."""
        data = await self._reader.read(_CHUNK_BYTES)
        self._count(len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Write, and wait while the other end is slow."""
        self.writer.write(data)
        await self.writer.drain()

    async def end(self) -> None:
        """Close it once everything is written."""
        self.writer.close()
        await self.writer.wait_closed()

    async def event(self) -> Any:
        """Return the next thing that was said in HTTP."""
        while (event := self.http.next_event()) is h11.NEED_DATA:
            if self.http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.http.receive_data(await self.read())
        return event

    async def send(self, event: Any) -> None:
        """Say something in HTTP."""
        if data := self.http.send(event):
            await self.write(data)


class Exchange:
    """A connection from a box to its end."""

    def __init__(self, rules: Rules, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._rules = rules
        self._inside = Side(h11.SERVER, reader, writer, self._moved)
        self._limit: asyncio.Timeout | None = None
        self._end = asyncio.get_running_loop().time() + rules.bounds.whole_s
        self._what, self._method = "a request", b""

    async def run(self) -> None:
        """Serve it; whatever goes wrong ends it."""
        try:
            async with asyncio.timeout(self._rules.bounds.idle_s) as self._limit:
                await self._serve()
                await self._inside.end()
        except Refusal as refusal:  # in the middle of something
            self._rules.note(self._what, refusal.why)
        except _ENDED:
            return

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer with a sentence, and end."""
        try:
            async with asyncio.timeout(_LINGER_S):
                await self._say(refusal)
                self._inside.writer.write_eof()
                while await self._inside.read():  # or what was said would be lost with what is unread
                    pass
        except (Refusal, *_ENDED):
            return

    async def _say(self, refusal: Refusal) -> None:
        text = f"turnwise: {self._what}: {refusal.why}\n".encode()
        head = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))]
        response = h11.Response(
            status_code=refusal.status, reason="Not by this proxy", headers=[*head, ("Connection", "close")]
        )
        http = self._inside.http
        if http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._inside.send(response)
            if self._method != b"HEAD":
                await self._inside.send(h11.Data(data=text))
            await self._inside.send(h11.EndOfMessage())

    def _moved(self, num_bytes: int) -> None:
        self._rules.spend(num_bytes)
        if self._limit is not None:
            now = asyncio.get_running_loop().time()
            self._limit.reschedule(min(now + self._rules.bounds.idle_s, self._end))

    async def _serve(self) -> None:
        try:
            request = await self._inside.event()
        except h11.RemoteProtocolError as error:
            await self._refuse(Refusal(error.error_status_hint, "no HTTP"))
            return
        if not isinstance(request, h11.Request):
            return
        self._method = request.method
        try:
            host, port, path = _target(request)
            self._what = f"{host}:{port}"
            outside = await self._open(host, port)
        except Refusal as refusal:
            if refusal.status == 403:
                self._rules.note(self._what, refusal.why)
            await self._refuse(refusal)
            return
        try:
            if request.method == b"CONNECT":
                await self._tunnel(outside)
            else:
                await self._forward(outside, request, host, port, path)
            await outside.end()
        finally:
            outside.writer.transport.abort()

    async def _open(self, host: str, port: int) -> Side:
        for address in await find(host, port, self._rules.allowlist):
            try:
                async with asyncio.timeout(_CONNECT_S):
                    reader, writer = await asyncio.open_connection(str(address), port)
            except OSError:  # a TimeoutError is one
                continue
            return Side(h11.CLIENT, reader, writer, self._moved)
        raise Refusal(502, "it does not answer")

    async def _tunnel(self, outside: Side) -> None:
        """Carry bytes both ways until both have ended."""
        await self._inside.event()  # that nothing more comes in HTTP
        await self._inside.send(h11.Response(status_code=200, headers=[], reason="Connected"))
        early, _ = self._inside.http.trailing_data
        if early:
            await outside.write(early)
        ways = [_carry(self._inside, outside), _carry(outside, self._inside)]
        both = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.gather(*both)
        finally:
            await _cancelled(*both)

    async def _forward(self, outside: Side, request: h11.Request, host: str, port: int, path: str) -> None:
        """Pass on one request and its answer."""
        name = f"[{host}]" if ":" in host else host
        authority = name if port == 80 else f"{name}:{port}"
        headers = [(b"Host", authority.encode()), *_passed(request.headers), (b"Connection", b"close")]
        await outside.send(h11.Request(method=request.method, target=path, headers=headers))
        asking = asyncio.create_task(self._pass_on(outside))
        try:
            await self._answer(outside)
        finally:
            await _cancelled(asking)

    async def _pass_on(self, outside: Side) -> None:
        """Pass on the body of a request."""
        while isinstance(event := await self._inside.event(), h11.Data):
            await outside.send(h11.Data(data=event.data))
        await outside.send(h11.EndOfMessage())

    async def _answer(self, outside: Side) -> None:
        while not isinstance(event := await outside.event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                event = h11.Response(
                    status_code=event.status_code,
                    reason=event.reason,
                    headers=[*_passed(event.headers), (b"Connection", b"close")],
                )
            elif not isinstance(event, h11.Data):
                continue  # word that the answer is still to come
            await self._inside.send(event)
        await self._inside.send(h11.EndOfMessage())
        self._inside.writer.write_eof()


async def _carry(source: Side, target: Side) -> None:
    while data := await source.read():
        await target.write(data)
    if target.writer.can_write_eof():
        target.writer.write_eof()


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _passed(headers: Any) -> list[tuple[bytes, bytes]]:
    """Return the fields that are meant for the other end, spelled as they came."""
    own = {
        word.strip().lower() for name, value in headers for word in value.split(b",") if name == b"connection"
    }
    return [
        (bytes(spelled), value)
        for (name, value), (spelled, _) in zip(headers, headers.raw_items(), strict=True)
        if name not in _HOP_BY_HOP | own and not name.startswith(b"proxy-")
    ]


def _target(request: h11.Request) -> tuple[str, int, str]:
    """Return host, port and path of what is asked for.

    Raises:
        Refusal: if that is not how a proxy is asked.
    """
    text, is_tunnel = request.target.decode("ascii", "replace"), request.method == b"CONNECT"
    found = (_TUNNEL if is_tunnel else _PLAIN).fullmatch(text)
    port = found and (found["port"] or (None if is_tunnel else 80))
    if not found or port is None or not 0 < int(port) < 1 << 16:
        raise Refusal(400, "this is a proxy: it is asked by CONNECT host:port, or for http://host/path")
    path = "/" if is_tunnel else found["path"] or "/"
    return found["six"] or found["name"], int(port), path if path.startswith("/") else f"/{path}"
