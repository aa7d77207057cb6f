"""Requests over keep-alive connections of our own: one request in flight on each.

HTTP is parsed by httptools, and nothing else is done, so that a request costs a fraction
of what it costs through httpx.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from contextlib import aclosing
from typing import cast
from urllib.parse import urlsplit

import httptools

from .base import ClientResponse, Headers, Stream, TransportFailed

MAX_RESPONSE_BYTES = 256 << 20
_CLOCK_S = 0.001  # some loops count in milliseconds


class KeepAliveTransport:
    """A way to a server over connections that stay open.

    Args:
        address: where the server is.
        headers: what every request carries.
        timeout_s: how long a response may take.
        max_connections: how many requests may be under way; others wait.
    """

    def __init__(self, address: str, headers: Headers, timeout_s: float, max_connections: int = 64) -> None:
        self.address = address
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._prefix = parts.path.rstrip("/")
        fixed = {"host": parts.netloc.rpartition("@")[2], **headers}
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())
        self._timeout_s = timeout_s
        self._idle: deque[_Connection] = deque()
        self._room = asyncio.Semaphore(max_connections)

    async def call(self, method: str, path: str, body: bytes | None, headers: Headers) -> ClientResponse:
        """Send a request and return its response; see Transport."""
        request = self._request(method, path, body, headers)
        async with self._room:
            connection = await self._connected()
            try:
                response = await connection.ask(request, self._timeout_s)
            except BaseException:
                connection.close()  # its response may still come: nobody else can use it
                raise
            if connection.reusable:
                self._idle.append(connection)
            else:
                connection.close()
            return response

    async def stream(self, method: str, path: str, body: bytes | None, headers: Headers) -> Stream:
        """Send a request and give its response as it comes; see Transport."""
        request = self._request(method, path, body, headers)
        async with self._room:
            connection = await self._connected()
            complete = False
            try:
                async with aclosing(connection.stream(request, self._timeout_s)) as parts:
                    async for part in parts:
                        yield part
                complete = True
            finally:
                if complete and connection.reusable:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _request(self, method: str, path: str, body: bytes | None, headers: Headers) -> bytes:
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        content = body or b""
        line = f"{method} {self._prefix}{path} HTTP/1.1\r\n"
        head = f"{line}{self._fixed}{more}content-length: {len(content)}\r\n\r\n"
        return head.encode("latin-1") + content

    async def aclose(self) -> None:
        """Release connections."""
        while self._idle:
            self._idle.pop().close()

    async def _connected(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()  # the one used last is the least likely to be stale
            if connection.reusable:
                return connection
            connection.close()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(min(10.0, self._timeout_s)):
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop), self._host, self._port, ssl=self._ssl
                )
        except TimeoutError as error:
            raise TransportFailed(f"no connection to {self._host}:{self._port} in time") from error
        except OSError as error:
            raise TransportFailed(f"no connection to {self._host}:{self._port}: {error}") from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection: a request, its response, the next request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._response: asyncio.Future[ClientResponse] | None = None
        self._parts: asyncio.Queue[ClientResponse | bytes | TransportFailed | None] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._late_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.reusable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has its methods and another base
        self.reusable = True

    async def ask(self, request: bytes, timeout_s: float) -> ClientResponse:
        """Send a request and wait for its response.

        Raises:
            TransportFailed: if the connection breaks or the time is up.
        """
        self._response = self._loop.create_future()
        self._late_at = self._loop.time() + timeout_s
        if self._timer is None:  # one for many requests: each moves its time on
            self._timer = self._loop.call_at(self._late_at, self._check_time, timeout_s)
        try:
            self._write(request)
            return await self._response
        finally:
            self._response = None

    def _check_time(self, timeout_s: float) -> None:
        """Fail if a response is late; else wait on."""
        self._timer = None
        if self._response is None:
            return
        if self._loop.time() > self._late_at - _CLOCK_S:
            self._fail(f"no answer within {timeout_s:g} s")
        else:
            self._timer = self._loop.call_at(self._late_at, self._check_time, timeout_s)

    async def stream(self, request: bytes, timeout_s: float) -> Stream:
        """Send a request and give its response as it comes; see Transport.

        Raises:
            TransportFailed: if the connection breaks, or no part comes in time.
        """
        parts: asyncio.Queue[ClientResponse | bytes | TransportFailed | None] = asyncio.Queue()
        self._parts = parts
        try:
            self._write(request)
            while True:
                try:
                    async with asyncio.timeout(timeout_s):
                        part = await parts.get()
                except TimeoutError as error:
                    raise TransportFailed(f"no part of the answer within {timeout_s:g} s") from error
                if part is None:
                    return
                if isinstance(part, TransportFailed):
                    raise part
                yield part
        finally:
            self._parts = None

    def _write(self, request: bytes) -> None:
        assert self._transport is not None, "connected"
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._response is None and self._parts is None:
            self.reusable = False  # nobody has asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer is not HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        self._stop_timer()
        self._fail(f"the connection broke: {exc or 'closed by the server'}")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._parts is not None and self._parser.get_status_code() == 200:
            self._parts.put_nowait(ClientResponse(200, self._headers, b""))

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_RESPONSE_BYTES:
            self._fail(f"the answer is longer than {MAX_RESPONSE_BYTES} bytes")
        if self._parts is not None and self._parser.get_status_code() == 200:
            self._parts.put_nowait(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self.reusable = self.reusable and self._parser.should_keep_alive()
        status = self._parser.get_status_code()
        if self._response is not None and not self._response.done():
            self._response.set_result(ClientResponse(status, self._headers, b"".join(self._body)))
        if self._parts is not None:
            if status != 200:
                self._parts.put_nowait(ClientResponse(status, self._headers, b"".join(self._body)))
            self._parts.put_nowait(None)

    def close(self) -> None:
        """Close the connection."""
        self.reusable = False
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, reason: str) -> None:
        self.reusable = False
        if self._response is not None and not self._response.done():
            self._response.set_exception(TransportFailed(reason))
        if self._parts is not None:
            self._parts.put_nowait(TransportFailed(reason))
