"""What a box reaches: nothing, or the hosts of its list through its proxy. Servers stand on the host."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

from turnwise.envs.sandbox import Sandbox, Spec

Play = Callable[..., Any]
_GET = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())
except OSError as error:
    print("failed:", error)
"""
_AROUND = """
import socket, sys
for address in sys.argv[2:]:
    try:
        socket.create_connection((address, int(sys.argv[1])), 3)
        print("reached", address)
    except OSError:
        pass
try:
    print("resolved", socket.getaddrinfo("example.org", 80))
except OSError:
    print("nothing else")
"""


@contextlib.asynccontextmanager
async def answers() -> AsyncIterator[int]:
    """Hold the answer that an agent would like to download, on every address of the host; yield the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nthe answer")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "0.0.0.0", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def get(box: Sandbox, url: str) -> tuple[str, tuple[str, ...]]:
    ran = await box.run(f"NO_PROXY= no_proxy= python3 -c {shlex.quote(_GET)} {url}")
    return ran.output.strip(), ran.refused


async def around(box: Sandbox, port: int) -> tuple[str, tuple[str, ...]]:
    """Try the addresses of the host without a proxy, and its names."""
    ran = await box.run(f"python3 -c {shlex.quote(_AROUND)} {port} 127.0.0.1 127.0.0.2 {own_address()}")
    return ran.output, ran.refused


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(line.getsockname()[0])


def test_a_box_without_network_reaches_no_server_of_the_host(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        async with answers() as port:
            assert (await get(box, f"http://127.0.0.1:{port}/"))[0].startswith("failed:")
            assert await around(box, port) == ("nothing else\n", ())

    play(body)


def test_a_list_is_all_that_a_box_reaches_and_the_rest_is_said(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        async with answers() as port:
            assert await get(box, f"http://127.0.0.2:{port}/x") == ("the answer", ())
            for host, why in {
                "localhost": "it stands for an address near this machine",
                "127.0.0.1": "this address is not",
                "169.254.169.254": "this address is not",
                "evil.org": "this name is not",
            }.items():
                said, refused = await get(box, f"http://{host}:{port}/")
                assert said == "failed: HTTP Error 403: Not by this proxy"
                assert len(refused) == 1 and refused[0].startswith(f"{host}:{port}: {why}")
            assert await around(box, port) == ("nothing else\n", ())

    play(body, Spec(network=("127.0.0.2", "localhost")))


def test_the_way_out_stays_after_what_ends_processes_and_is_no_process(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        async with answers() as port:
            url = f"http://127.0.0.1:{port}/"
            assert (await box.run("kill -9 -1; ls -d /proc/[0-9]* | wc -l")).cause in ("exit", "killed")
            assert (await get(box, url))[0] == "the answer"
            name = await box.snapshot()
            assert (await get(box, url))[0] == "the answer"
            (child,) = await box.fork(1)
            assert (await get(child, url))[0] == "the answer"
            await child.aclose()
            await box.rollback(name)
            assert (await get(box, url))[0] == "the answer"
            assert "127.0.0.1:3128" in (await box.run("echo $HTTPS_PROXY $https_proxy")).output

    play(body, Spec(network=("127.0.0.0/8",)))
