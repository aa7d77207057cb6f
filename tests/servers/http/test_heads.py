"""Request lines and headers: bounded before anybody is known to ask, and nobody else notices."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.sync.client import connect

from turnwise.servers.client.server_process import ServerProcess
from turnwise.servers.http.bounded import MAX_HEAD_BYTES

COUNTER = f"{(Path(__file__).parents[1] / 'worlds.py')}:Counter"
MB = b"a" * (1 << 20)


@pytest.fixture(scope="module")
def server():
    with ServerProcess(["--env", COUNTER]) as server:
        yield server


def door(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    while part := connection.recv(65_536):
        answer += part
    return answer


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + b"a: b\r\n" * 200,
        b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\nGET /health HTTP/1.1\r\nx: " + MB[:500],
    ],
)
def test_a_head_without_end_is_refused(server, start):
    with door(server) as connection:
        connection.sendall(start + MB[: MAX_HEAD_BYTES - len(start) - 1000])
        time.sleep(0.3)  # so that nothing is unread when the server hangs up, and its answer arrives
        connection.sendall(MB[:2000])
        answer = read_all(connection)
    *before, head, body = answer.split(b"\r\n\r\n")
    assert len(before) <= 1, "the answer to what came before is whole"
    assert b"HTTP/1.1 431 " in head
    assert json.loads(body)["code"] == "too_large"
    assert str(MAX_HEAD_BYTES) in json.loads(body)["detail"]


def test_memory_does_not_grow_with_it(server):
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    doors = [door(server) for _ in range(4)]
    for connection in doors:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ")
        with pytest.raises(OSError):  # it has hung up
            for _ in range(40):
                connection.sendall(MB)
    assert process.memory_info().rss - before < 20 << 20
    for connection in doors:
        connection.close()
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_what_is_long_and_allowed(server):
    with httpx.Client(base_url=server.url, headers={"x-long": "x" * 50_000}) as http:
        id = http.post("/v1/sessions", json={"env_id": COUNTER}).json()["sessions"][0]["id"]
        for turn in range(3):
            step = {"episode": 0, "turn": turn, "action": "x" * 60_000}
            assert http.post(f"/v1/sessions/{id}/step", json=step).json()["turn"] == turn + 1
        fields = ",".join(["-admissible"] * 1000)
        assert http.post(f"/v1/sessions/{id}/step?fields={fields}", json=step).status_code == 200
    headers = {"x-long": "x" * 7000}
    with connect(f"{server.url.replace('http', 'ws')}/v1/ws", additional_headers=headers) as ws:
        ws.send('{"request": 1, "call": "envs", "body": {}}')
        assert json.loads(ws.recv())["status"] == 200
