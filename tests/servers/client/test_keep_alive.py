"""Connections of our own: one parser and one timer serve all requests of a connection.

1. Answers in any pieces, one after another, are each their own.
2. A late answer is a failure after the time of its own request, whatever went before.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest
import uvloop

from turnwise.servers.client.transports.base import TransportFailed
from turnwise.servers.client.transports.keep_alive import KeepAliveTransport

ANSWER = b"HTTP/1.1 200 OK\r\nNumber: %d\r\nContent-Length: 3\r\n\r\nabc"
TIMEOUT_S = 0.2  # of which an answer takes a part


def talk(answer, conversation, run_loop=asyncio.run) -> None:
    """Run a server that answers each request by a function of its number and its writer."""

    async def serve(reader, writer) -> None:
        number = 0
        with suppress(ConnectionError):
            while await reader.read(1 << 16):
                await answer(number, writer)
                number += 1
        writer.close()
        gone.set()

    gone = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = KeepAliveTransport(f"http://127.0.0.1:{port}", {}, TIMEOUT_S)
        await conversation(transport)
        await transport.aclose()
        await gone.wait()
        await asyncio.sleep(0)
        server.close()
        await server.wait_closed()

    run_loop(run())


@pytest.mark.parametrize("run_loop", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_answers_in_pieces(run_loop):
    async def answer(number, writer) -> None:
        whole = ANSWER % number
        for place in (slice(number), slice(number, None)):
            writer.write(whole[place])
            await asyncio.sleep(0)

    async def conversation(transport) -> None:
        for number in range(len(ANSWER)):
            answered = await transport.call("GET", "/", None, {})
            assert answered.headers == {"number": str(number), "content-length": "3"}
            assert (answered.status, answered.body) == (200, b"abc")

    talk(answer, conversation, run_loop)


def test_each_request_has_its_time():
    async def answer(number, writer) -> None:
        if number < 3:
            await asyncio.sleep(0.7 * TIMEOUT_S)
            writer.write(ANSWER % number)

    async def conversation(transport) -> None:
        for _ in range(3):  # together longer than one may take
            assert (await transport.call("GET", "/", None, {})).status == 200
        started = time.monotonic()
        with pytest.raises(TransportFailed, match=r"no answer within 0\.2 s"):
            await asyncio.wait_for(transport.call("GET", "/", None, {}), 20)
        assert time.monotonic() - started > 0.9 * TIMEOUT_S

    talk(answer, conversation)
