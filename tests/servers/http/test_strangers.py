"""What can be done without a key: little memory, few sockets, and not for ever."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from pathlib import Path

import httpx
import psutil
import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from turnwise.errors import UsageError
from turnwise.servers.client.server_process import ServerProcess
from turnwise.servers.http import bounded, bounded_socket
from turnwise.servers.http.bounded import MAX_HEADERS, MAX_PIPELINED, BoundedHttp
from turnwise.servers.http.bounded_socket import MAX_STRANGE_BYTES, BoundedSocket
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.crowd import MAX_STRANGE_SOCKETS, most_connections
from turnwise.servers.http.keys import Caller, Keys

COUNTER = f"{(Path(__file__).parents[1] / 'worlds.py')}:Counter"
KEY = "a-secret-of-enough-length"
AUTH = {"authorization": f"Bearer {KEY}"}
HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
MB = b"a" * (1 << 20)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"ann {KEY}\n")
    with ServerProcess(["--env", COUNTER, "--key-file", str(keys), "--max-connections", "150"]) as server:
        yield server


@pytest.fixture
def grown(server):
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    return lambda: (process.memory_info().rss - before) / (1 << 20)


def door(server: ServerProcess, timeout: float = 20) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=timeout)


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    while part := connection.recv(65_536):
        answer += part
    return answer


def works(server: ServerProcess) -> bool:
    return httpx.get(f"{server.url}/v1/envs", headers=AUTH).status_code == 200


def test_requests_behind_one_another_are_answered_in_order(server):
    with door(server) as connection:
        paths = [f"/v1/nothing-{number}" for number in range(20)]
        connection.sendall(
            b"".join(f"GET {path} HTTP/1.1\r\nhost: x\r\n{key}\r\n\r\n".encode() for path in paths)
            if (key := f"authorization: Bearer {KEY}")
            else b""
        )
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection).decode()
    told = [answer.find(f"{path}:") for path in paths]
    assert -1 not in told
    assert told == sorted(told)


def test_too_many_at_once_are_answered_up_to_there(server):
    with door(server) as connection:
        connection.sendall(HEALTH * 2000)
        answer = read_all(connection)
    num = answer.count(b"HTTP/1.1 200 OK")
    assert num == MAX_PIPELINED + 1
    assert answer.lower().count(b"connection: close") == 1
    assert b"connection: close" in answer.rpartition(b"HTTP/1.1")[2].lower()


def test_answers_that_nobody_reads_are_not_kept(server, grown):
    with door(server, timeout=1) as connection:
        with pytest.raises(OSError):
            for _ in range(4000):
                connection.sendall(HEALTH * 60)
        assert grown() < 30
        assert works(server)


def test_trailers_without_end_are_refused(server, grown):
    head = b"POST /v1/step HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    for trailers in (b"x: y\r\n" * 200_000, b"x: " + MB):
        with door(server) as connection:
            connection.sendall(head)
            with pytest.raises(OSError):
                for _ in range(60):
                    connection.sendall(trailers)
    assert grown() < 30
    assert works(server)


def test_a_body_in_many_small_parts_is_no_trailer(server):
    body = json.dumps({"ids": ["x" * 150] * 600}).encode()
    head = f"POST /v1/close HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
    with door(server) as connection:
        connection.sendall(
            f"{head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )
        for start in range(0, len(body), 40):
            part = body[start : start + 40]
            connection.sendall(b"%x;note=%b\r\n%b\r\n" % (len(part), b"n" * 50, part))
        connection.sendall(b"0\r\nx: y\r\n\r\n")
        assert b"200 OK" in read_all(connection)


def test_many_small_headers_are_refused(server):
    with door(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n" + b"a:b\r\n" * (MAX_HEADERS + 10))
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert str(MAX_HEADERS) in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]


def test_half_sent_heads_keep_nobody_out(server):
    with httpx.Client(base_url=server.url, headers=AUTH) as known:
        assert known.get("/v1/envs").status_code == 200
        mine = known.get("/v1/envs").extensions["network_stream"].get_extra_info("client_addr")
        doors = []
        for _ in range(400):
            doors.append(door(server))
            doors[-1].sendall(b"GET /health HTTP/1.1\r\nx: ")
        assert works(server)
        again = known.get("/v1/envs")
        assert again.extensions["network_stream"].get_extra_info("client_addr") == mine, "known ones stay"
        for one in doors:
            one.close()


def unfinished(size: int) -> bytes:
    """Write the head of a masked text frame, longer than what will follow."""
    return b"\x01\xff" + struct.pack("!Q", size) + b"\0\0\0\0"


def shake(server: ServerProcess, head: str = "") -> socket.socket:
    connection = door(server)
    connection.sendall(
        f"GET /v1/ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n{head}"
        "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert b"101 " in connection.recv(4096)
    return connection


def test_websockets_without_a_key_are_few_and_small(server, grown):
    sockets = [shake(server) for _ in range(MAX_STRANGE_SOCKETS)]
    for one in sockets:
        one.sendall(unfinished(7 << 20))
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            for _ in range(7):
                one.sendall(MB)
    assert grown() < 60
    sockets.append(shake(server))
    sockets[0].settimeout(20)
    with pytest.raises(ConnectionError):
        read_all(sockets[0])  # the oldest made room
    with connect(f"{server.url.replace('http', 'ws')}/v1/ws", additional_headers=AUTH) as ws:
        ws.send('{"request": 1, "call": "envs", "body": {}}')
        assert json.loads(ws.recv())["status"] == 200
    for one in sockets:
        one.close()


def test_pings_whose_answers_nobody_reads_are_not_kept(server, grown):
    ping = b"\x89\xfd\0\0\0\0" + b"p" * 125
    with shake(server, f"authorization: Bearer {KEY}\r\n") as connection:
        connection.settimeout(1)
        with pytest.raises(OSError):
            for _ in range(300):
                connection.sendall(ping * 4000)
        assert grown() < 30
    assert works(server)


def test_what_follows_a_hello_at_once_is_read(server):
    hello = json.dumps({"request": 1, "call": "hello", "body": {"key": KEY}})
    long = json.dumps({"request": 2, "call": "close", "body": {"ids": ["x" * 150] * 500}})
    assert len(long) > 10 * MAX_STRANGE_BYTES
    with connect(f"{server.url.replace('http', 'ws')}/v1/ws") as ws:
        for message in (hello, long, long):
            ws.send(message)
        answers = [json.loads(ws.recv()) for _ in range(3)]
    assert sorted((one["request"], one["status"]) for one in answers) == [(1, 200), (2, 200), (2, 200)]


@pytest.fixture
def hurried(make_service, monkeypatch):
    """Return a function that runs a conversation with a server that waits for nobody."""
    for name in ("HEAD_S", "BODY_S", "STALL_S"):
        monkeypatch.setattr(bounded, name, 0.05)
    monkeypatch.setattr(bounded_socket, "HELLO_S", 0.05)

    def run(talk) -> None:
        async def inside() -> None:
            app = Application(make_service(), Keys({KEY: Caller("ann")}))
            options = {"lifespan": "off", "log_config": None, "access_log": False}
            config, state = uvicorn.Config(app, ws=BoundedSocket, **options), ServerState()
            config.load()
            loop = asyncio.get_running_loop()
            listener = await loop.create_server(lambda: BoundedHttp(config, state, {}), "127.0.0.1", 0)
            try:
                await asyncio.wait_for(talk(listener.sockets[0].getsockname()[1]), 30)
                while state.connections or state.tasks:
                    await asyncio.sleep(0.01)
            finally:
                listener.close()
                await app.service.aclose()

        asyncio.run(inside())

    return run


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (HEALTH[:-9], b"HTTP/1.1 408 "),
        (b"POST /v1/step HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{", b"HTTP/1.1 401 "),
        (b"POST /health HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{", b"HTTP/1.1 405 "),
    ],
)
def test_nobody_is_waited_for_for_ever(hurried, sent, status):
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await reader.read()
        assert answer.startswith(status)
        assert bool(answer) is bool(status)
        writer.close()

    hurried(talk)


def test_a_websocket_says_hello_in_time(hurried):
    async def talk(port: int) -> None:
        def silent() -> None:
            with connect(f"ws://127.0.0.1:{port}/v1/ws") as ws, pytest.raises(ConnectionClosed, match="1008"):
                ws.recv(timeout=20)
            with connect(f"ws://127.0.0.1:{port}/v1/ws") as ws:
                ws.send(json.dumps({"request": 1, "call": "hello", "body": {"key": KEY}}))
                assert json.loads(ws.recv())["status"] == 200
                with pytest.raises(TimeoutError):
                    ws.recv(timeout=0.2)  # it stays open

        await asyncio.to_thread(silent)

    hurried(talk)


def test_more_connections_than_descriptors_are_refused():
    room = most_connections(0)
    assert most_connections(min(room, 7)) == min(room, 7)
    with pytest.raises(UsageError, match=r"--max-connections .* descriptors"):
        most_connections(room + 1)


def test_a_connection_that_was_answered_may_rest(hurried):
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /v1/step HTTP/1.1\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
        for _ in range(3):
            writer.write(f'{head}content-length: 12\r\n\r\n{{"items":[]}}'.encode())  # taken the short way
            assert b" 200 OK" in await reader.readuntil(b'{"items":[]}')
            await asyncio.sleep(0.15)  # longer than a request may take
        writer.close()

    hurried(talk)
