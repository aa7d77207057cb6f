"""The engine's own protocol where docker-py is not enough: the streams of a command, and events.

docker-py takes the socket out of a response that has read ahead, so that what a command writes at once can
be lost, and it holds a thread for as long as a command runs. Here both are read by asyncio. Sources: Docker
Engine API 1.41, "Start an exec instance", "Attach to a container" (stream format), "Monitor events".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

_MAX_HEAD_BYTES = 1 << 16
_MAX_EVENT_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16
_CONNECT_S = 20.0


class Refused(Exception):
    """An answer of the engine that is an error.

    Args:
        status: of HTTP.
        text: the engine's sentence.
    """

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(f"{status} {text}")


class Wire:
    """Where an engine listens, and in which version of its interface it is spoken to.

    Args:
        address: `unix:///path` or `tcp://host:port`.
        version: e.g. "1.41".
    """

    def __init__(self, address: str, version: str) -> None:
        self.address, self.version = address, version

    async def exec_start(self, exec_id: str) -> Stream:
        """Start a command that was created and return both of its ends.

        Raises:
            Refused: if the engine answers with an error.
            OSError: if it cannot be reached.
        """
        reader, writer = await self._ask(
            "POST",
            f"/exec/{exec_id}/start",
            {"Detach": False, "Tty": False},
            {"Connection": "Upgrade", "Upgrade": "tcp"},
        )
        return Stream(reader, writer)

    async def events(self, filters: Mapping[str, list[str]]) -> AsyncIterator[dict[str, Any]]:
        """Yield what happens in the engine from now on, until the engine goes.

        Raises:
            Refused, OSError, asyncio.IncompleteReadError: if it cannot be asked, or hangs up.
        """
        path = f"/events?filters={quote(json.dumps(dict(filters)))}"
        reader, writer = await self._ask("GET", path, None, {})
        try:
            text = b""
            while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
                text += (await reader.readexactly(size + 2))[:-2]
                *lines, text = text.split(b"\n")
                for line in filter(None, lines):
                    yield json.loads(line)
                if len(text) > _MAX_EVENT_BYTES:
                    raise OSError("an event of the engine has no end")
        finally:
            writer.close()

    async def _ask(
        self, method: str, path: str, body: object, headers: Mapping[str, str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await self._connect()
        try:
            data = b"" if body is None else json.dumps(body).encode()
            lines = [
                f"{method} /v{self.version}{path} HTTP/1.1",
                "Host: docker",
                f"Content-Length: {len(data)}",
            ]
            lines += ["Content-Type: application/json"] if data else []
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status = int(head.split(" ", 2)[1])
            if status not in (101, 200):
                raise Refused(status, await _error_text(reader, head))
        except BaseException as error:
            writer.close()
            if isinstance(error, asyncio.IncompleteReadError):
                raise OSError("the engine hung up") from error
            raise
        return reader, writer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        kind, _, rest = self.address.partition("://")
        if kind == "unix":
            return await asyncio.open_unix_connection(rest, limit=_MAX_HEAD_BYTES)
        host, _, port = rest.partition("/")[0].rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port), limit=_MAX_HEAD_BYTES)


class Stream:
    """A running command: what it writes, and what it reads.

    Frames are a byte that says which stream, three zeros, four bytes of length, and that many bytes.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Send what it reads; a command that does not read it is no error."""
        with contextlib.suppress(OSError):
            for start in range(0, len(data), _CHUNK_BYTES):
                self._writer.write(data[start : start + _CHUNK_BYTES])
                await self._writer.drain()

    def end(self) -> None:
        """Send the end of what it reads."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    async def chunks(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 for standard output or 2 for errors, bytes) until both are closed."""
        while True:
            try:
                head = await self._reader.readexactly(8)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            left = int.from_bytes(head[4:], "big")
            while left:
                chunk = await self._reader.read(min(left, _CHUNK_BYTES))
                if not chunk:
                    return
                left -= len(chunk)
                yield head[0], chunk

    def close(self) -> None:
        """Hang up; the command is not ended by it."""
        self._writer.close()


async def _error_text(reader: asyncio.StreamReader, head: str) -> str:
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    length = min(int(fields.get("content-length", "0") or 0), _MAX_HEAD_BYTES)
    text = (await reader.readexactly(length)).decode("utf-8", "replace") if length else ""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip() or "no word"
