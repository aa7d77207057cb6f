"""The proxy of a box, without a box: sockets on loopback, an upstream of the test's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from turnwise.envs.sandbox.network import Bounds, Gate
from turnwise.errors import UsageError

HERE = ("localhost", "127.0.0.0/8")
Upstream = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def opened() -> Iterator[Callable[..., tuple[Gate, int]]]:
    """Return what opens a gate on a free port."""
    gates = []

    def make(hosts: tuple[str, ...] = HERE, **bounds: Any) -> tuple[Gate, int]:
        line = socket.create_server(("127.0.0.1", 0))
        gates.append(gate := Gate(hosts, Bounds(**bounds)))
        gate.listen(line)
        return gate, line.getsockname()[1]

    yield make
    for gate in gates:
        gate.close()


async def say(port: int, data: bytes, *, end: bool = True) -> bytes:
    """Send bytes and return what comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if end:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


def beside(upstream: Upstream, body: Callable[[int], Awaitable[None]]) -> None:
    """Run a test beside a server whose port it is given."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await upstream(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    async def whole() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            await body(server.sockets[0].getsockname()[1])

    asyncio.run(whole())


async def tells_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with what was asked, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    body = b""
    if b"chunked" in head:
        while size := int((await reader.readline()).strip(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
    if b"HEAD " not in head:
        body = head + body
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nX: y\r\nKeep-Alive: 1\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + (b"" if b"HEAD " in head else body))
    await writer.drain()


async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.write(b"the end")


def test_a_request_is_passed_on_alone_and_by_its_own_name(opened: Any) -> None:
    async def body(port: int) -> None:
        _, gate = opened()
        first = (
            f"GET http://LOCALHOST:{port}/a?b=c HTTP/1.1\r\nHost: other.org\r\nProxy-Authorization: s\r\n"
            "Connection: x-hop, keep-alive\r\nX-Hop: 1\r\nUpgrade: h2c\r\nX-Own: 2\r\n\r\n"
        )
        said = await say(gate, first.encode() + b"GET http://localhost/second HTTP/1.1\r\nHost: b\r\n\r\n")
        head, _, rest = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 Fine") and b"Connection: close" in head
        assert b"Keep-Alive" not in head and b"X: y" in head
        lines = rest.decode().split("\r\n")
        assert lines[0] == "GET /a?b=c HTTP/1.1" and "second" not in rest.decode()
        assert sorted(filter(None, lines[1:])) == ["Connection: close", f"Host: LOCALHOST:{port}", "X-Own: 2"]
        said = await say(gate, f"HEAD http://localhost:{port} HTTP/1.0\r\n\r\n".encode())
        assert said.startswith(b"HTTP/1.1 200 Fine") and said.endswith(b"\r\n\r\n")

    beside(tells_head, body)


def test_a_body_in_pieces_is_passed_on(opened: Any) -> None:
    async def body(port: int) -> None:
        _, gate = opened()
        asked = f"POST http://localhost:{port}/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        asked += "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
        said = await say(gate, asked.encode())
        assert said.endswith(b"hello!") and b"POST / HTTP/1.1" in said

    beside(tells_head, body)


def test_a_tunnel_carries_both_ways_and_each_end_alone(opened: Any) -> None:
    async def body(port: int) -> None:
        gate, at = opened()
        data = bytes(range(256)) * 4000
        said = await say(at, f"CONNECT localhost:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode() + data)
        assert said.startswith(b"HTTP/1.1 200 Connected\r\n") and said.endswith(
            b"\r\n\r\n" + data + b"the end"
        )
        assert gate.take_refused() == () and gate.num_bytes > 2 * len(data)

    beside(echoes, body)


@pytest.mark.parametrize(
    ("asked", "status", "noted"),
    [
        ("CONNECT evil.org:443", b"403", "evil.org:443: this name is not on the task's list"),
        ("CONNECT 10.0.0.1:80", b"403", "10.0.0.1:80: this address is not on the task's list"),
        ("CONNECT [::1]:80", b"403", "::1:80: this address is not on the task's list"),
        ("CONNECT localhost:1", b"403", "localhost:1: it stands for an address near this machine"),
        ("GET http://2130706433/", b"403", "2130706433:80: this name is not"),
        ("GET http://evil.org\\@localhost/", b"400", ""),
        ("GET http://user@localhost/", b"400", ""),
        ("GET https://localhost/", b"400", ""),
        ("GET /", b"400", ""),
        ("CONNECT localhost", b"400", ""),
        ("CONNECT localhost:99999", b"400", ""),
        ("CONNECT localhost:0", b"400", ""),
        ("\x16\x03\x01", b"400", ""),
        ("GET http://localhost/ HTTP/1.1\r\nX: " + "y" * 200_000, b"431", ""),
    ],
)
def test_what_is_refused_is_said_and_noted_once(opened: Any, asked: str, status: bytes, noted: str) -> None:
    async def body() -> None:
        gate, at = opened(("localhost", "*.fine.org"))
        for _ in range(2):
            said = await say(at, f"{asked} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
            assert said.split(b" ")[1] == status and b"turnwise: " in said
        refused = gate.take_refused()
        assert len(refused) == bool(noted) and all(one.startswith(noted) for one in refused)
        assert gate.take_refused() == ()

    asyncio.run(body())


def test_a_host_that_does_not_answer_is_no_refusal(opened: Any) -> None:
    async def body() -> None:
        gate, at = opened()
        with socket.socket() as line:
            line.bind(("127.0.0.1", 0))
            dead = line.getsockname()[1]
            said = await say(at, f"HEAD http://localhost:{dead}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert said.startswith(b"HTTP/1.1 502 ") and said.endswith(b"\r\n\r\n")
        assert gate.take_refused() == ()

    asyncio.run(body())


def test_bytes_connections_and_seconds_are_bounded(opened: Any) -> None:
    async def body(port: int) -> None:
        tunnel = f"CONNECT localhost:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        gate, at = opened(num_bytes=100_000)
        said = await say(at, tunnel + bytes(200_000))
        assert len(said) < 110_000 and not said.endswith(b"the end")
        assert gate.take_refused() == (
            f"localhost:{port}: more than 100000 bytes went through the proxy of this box",
        )
        assert b"200" not in (await say(at, tunnel))[:15]

        _, at = opened(num_connections=1)
        reader, writer = await asyncio.open_connection("127.0.0.1", at)
        writer.write(tunnel)
        await reader.readuntil(b"\r\n\r\n")
        waiting = asyncio.create_task(say(at, tunnel))
        assert not (await asyncio.wait({waiting}, timeout=0.2))[0]
        writer.close()
        assert (await waiting).startswith(b"HTTP/1.1 200 ")

        for bounds in ({"idle_s": 0.2}, {"whole_s": 0.2}):
            _, at = opened(**bounds)
            said = await say(at, tunnel + b"a", end=False)
            assert said in (b"reset", b"") or said.startswith(b"HTTP/1.1 200")

    beside(echoes, body)


def test_a_closed_gate_ends_its_connections_and_another_socket_replaces_one(opened: Any) -> None:
    async def body(port: int) -> None:
        gate, at = opened()
        reader, writer = await asyncio.open_connection("127.0.0.1", at)
        writer.write(f"CONNECT localhost:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        line = socket.create_server(("127.0.0.1", 0))
        new = line.getsockname()[1]
        gate.listen(line)
        assert await say_until_refused(at)
        assert (await say(new, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 400")
        gate.close()
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        late = socket.create_server(("127.0.0.1", 0))
        at = late.getsockname()[1]
        gate.listen(late)
        assert await say_until_refused(at)

    beside(echoes, body)


async def say_until_refused(port: int) -> bool:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:  # reset, where the socket closes while the connection is made
            return True
        writer.close()
        await asyncio.sleep(0.02)
    return False


def test_a_list_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="means nothing"):
        Gate(["http://example.org"])
