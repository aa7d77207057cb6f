"""The two ways to an MCP server, both bounded: a process that is started, or an address.

The package's own transports hold as much as a server says; here a message has a largest size, and a server
that says more is ended. A process gets no other variables than those that are named, and dies with its group.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

MAX_MESSAGE_BYTES = 16 << 20
_TAIL_CHARS = 500
_END_S = 2.0
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TMPDIR")


class Program:
    """A server that is started as a process.

    Args:
        command: the program and its arguments.
        variables: names of further environment variables that it gets.

    Attributes:
        last_words: the end of what it has written on standard error.
    """

    def __init__(self, command: Sequence[str], variables: Sequence[str] = ()) -> None:
        self._command = tuple(command)
        self._variables = (*_INHERITED, *variables)
        self.last_words = ""

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[Any]:
        """Start it, and give the streams of its messages; it ends with the block."""
        import anyio

        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=MAX_MESSAGE_BYTES,
            start_new_session=True,
            env={name: os.environ[name] for name in self._variables if name in os.environ},
        )
        heard, reading = anyio.create_memory_object_stream[Any](0)
        writing, said = anyio.create_memory_object_stream[Any](0)
        work = (_hear(process, heard), _say(process, said), self._listen(process))
        tasks = [asyncio.ensure_future(each) for each in work]
        try:
            yield reading, writing
        finally:
            await _end(process)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in (heard, reading, writing, said):
                stream.close()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None, "piped"
        while chunk := await process.stderr.read(4096):
            self.last_words = (self.last_words + chunk.decode("utf-8", "replace"))[-_TAIL_CHARS:]


def address(url: str, key: str | None, timeout_s: float) -> AbstractAsyncContextManager[Any]:
    """Return the streams of messages of a server at an address.

    Args:
        url: where it is.
        key: a bearer key, where it asks for one.
        timeout_s: how long it may say nothing.
    """
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    class Bounded(httpx2.AsyncHTTPTransport):
        """A way of requests whose responses have a largest size."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            assert isinstance(response.stream, httpx2.AsyncByteStream), "the way is asynchronous"
            response.stream = Counted(response.stream)
            return response

    class Counted(httpx2.AsyncByteStream):
        """The body of a response, up to its largest size."""

        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = MAX_MESSAGE_BYTES
            async for chunk in self._stream:
                left -= len(chunk)
                if left < 0:
                    raise httpx2.ReadError(f"an answer of more than {MAX_MESSAGE_BYTES} bytes")
                yield chunk

        async def aclose(self) -> None:
            await self._stream.aclose()

    headers = {"authorization": f"Bearer {key}"} if key else {}
    client = httpx2.AsyncClient(transport=Bounded(), headers=headers, timeout=timeout_s, trust_env=False)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        async with client, streamable_http_client(url, http_client=client) as streams:
            yield streams

    return opened()


async def _hear(process: asyncio.subprocess.Process, heard: Any) -> None:
    """Pass on what the server says, line by line; one that is too long ends it."""
    import mcp_types as types
    from mcp.shared.message import SessionMessage

    assert process.stdout is not None, "piped"
    async with heard:
        with suppress(ValueError):  # a line that is too long
            while line := await process.stdout.readline():
                try:
                    message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError as error:
                    await heard.send(error)
                    continue
                await heard.send(SessionMessage(message))


async def _say(process: asyncio.subprocess.Process, said: Any) -> None:
    """Pass on what is said to the server."""
    assert process.stdin is not None, "piped"
    async with said:
        async for message in said:
            line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(line.encode() + b"\n")
            with suppress(ConnectionError):  # it is gone, as its other end says too
                await process.stdin.drain()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask a server to end by closing its input, then by a signal, then kill its group."""
    assert process.stdin is not None, "piped"
    process.stdin.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.wait()), _END_S)
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what it has left behind
    await process.wait()
