"""How a request travels: through httpx, or over keep-alive connections of our own.

httpx takes more than a millisecond of processor time for a single step of many
sessions at once, hundreds of times what the step itself takes. The control plane does
not mind; steps go over plain connections: one request in flight on each, HTTP
parsed by httptools, nothing else done.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import httptools
import httpx

__all__ = ["Answered", "HttpxTransport", "KeepAliveTransport", "Transport", "TransportFailed"]

MAX_ANSWER_BYTES = 256 << 20
_CLOCK_S = 0.001  # some loops count in milliseconds


class TransportFailed(Exception):
    """Say why a request got no answer."""


class Answered(NamedTuple):
    """Be what a server answered: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Carry one request there and its answer back."""

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answered:
        """Send a request.

        Raises:
            TransportFailed: if no whole answer came back in time.
        """
        ...

    def stream(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[Answered | bytes, None]:
        """Send a request and give its answer as it comes.

        Yields:
            an answer of status 200 without its body, then the parts of the body; any
            other answer whole.

        Raises:
            TransportFailed: if the answer breaks off, or no part of it comes in time.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


class HttpxTransport:
    """Carry requests through httpx.

    Args:
        url: where the server is.
        headers: what every request carries.
        timeout_s: how long an answer may take.
        transport: stands in for the network.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=dict(headers),
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=60.0),
            transport=transport,
        )

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answered:
        """Send a request; see Transport."""
        try:
            response = await self._http.request(method, path, content=body, headers=dict(headers))
        except httpx.TransportError as error:
            raise TransportFailed(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        return Answered(response.status_code, response.headers, response.content)

    async def stream(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[Answered | bytes, None]:
        """Send a request and give its answer as it comes; see Transport."""
        try:
            async with self._http.stream(method, path, content=body, headers=dict(headers)) as response:
                if response.status_code != 200:
                    yield Answered(response.status_code, response.headers, await response.aread())
                    return
                yield Answered(200, response.headers, b"")
                async for part in response.aiter_bytes():
                    yield part
        except httpx.TransportError as error:
            raise TransportFailed(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


class KeepAliveTransport:
    """Carry requests over connections that stay open.

    Args:
        url: where the server is.
        headers: what every request carries.
        timeout_s: how long an answer may take.
        max_connections: how many requests may be under way; others wait.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], timeout_s: float, max_connections: int = 64
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._prefix = parts.path.rstrip("/")
        fixed = {"host": parts.netloc.rpartition("@")[2], **headers}
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())
        self._timeout_s = timeout_s
        self._idle: deque[_Connection] = deque()
        self._room = asyncio.Semaphore(max_connections)

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answered:
        """Send a request; see Transport."""
        request = self._request(method, path, headers, body)
        async with self._room:
            connection = await self._connected()
            try:
                answer = await connection.ask(request, self._timeout_s)
            except BaseException:
                connection.close()  # its answer may still come: it is of no use to anyone else
                raise
            if connection.reusable:
                self._idle.append(connection)
            else:
                connection.close()
            return answer

    async def stream(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[Answered | bytes, None]:
        """Send a request and give its answer as it comes; see Transport."""
        request = self._request(method, path, headers, body)
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

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
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
            connection = self._idle.pop()  # the one used last is the one least likely to be stale
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
    """Be one connection: a request, its answer, the next request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answered] | None = None
        self._parts: asyncio.Queue[Answered | bytes | TransportFailed | None] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._late_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.reusable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "a stream connection"
        self._transport = transport
        self.reusable = True

    async def ask(self, request: bytes, timeout_s: float) -> Answered:
        """Send a request and wait for its answer.

        Raises:
            TransportFailed: if the connection breaks or the time is up.
        """
        self._answer = self._loop.create_future()
        self._late_at = self._loop.time() + timeout_s
        if self._timer is None:  # one for many requests: each begins anew where the last one left it
            self._timer = self._loop.call_at(self._late_at, self._look, timeout_s)
        try:
            self._write(request)
            return await self._answer
        finally:
            self._answer = None

    def _look(self, timeout_s: float) -> None:
        """See whether an answer is late."""
        self._timer = None
        if self._answer is None:
            return
        if self._loop.time() > self._late_at - _CLOCK_S:
            self._fail(f"no answer within {timeout_s:g} s")
        else:
            self._timer = self._loop.call_at(self._late_at, self._look, timeout_s)

    async def stream(self, request: bytes, timeout_s: float) -> AsyncGenerator[Answered | bytes, None]:
        """Send a request and give its answer as it comes; see Transport.

        Raises:
            TransportFailed: if the connection breaks, or no part comes in time.
        """
        parts: asyncio.Queue[Answered | bytes | TransportFailed | None] = asyncio.Queue()
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
        if self._answer is None and self._parts is None:
            self.reusable = False  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer is no HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        self._stop_timer()
        self._fail(f"the connection broke: {exc or 'closed by the server'}")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._parts is not None and self._parser.get_status_code() == 200:
            self._parts.put_nowait(Answered(200, self._headers, b""))

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_ANSWER_BYTES:
            self._fail(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        if self._parts is not None and self._parser.get_status_code() == 200:
            self._parts.put_nowait(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self.reusable = self.reusable and self._parser.should_keep_alive()
        status = self._parser.get_status_code()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answered(status, self._headers, b"".join(self._body)))
        if self._parts is not None:
            if status != 200:
                self._parts.put_nowait(Answered(status, self._headers, b"".join(self._body)))
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
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(TransportFailed(reason))
        if self._parts is not None:
            self._parts.put_nowait(TransportFailed(reason))
