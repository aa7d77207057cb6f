"""Servers to be measured, and the ways to step them."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import psutil

from turnwise.servers.client import connect
from turnwise.servers.client.transports.keep_alive import KeepAliveTransport
from turnwise.servers.protocol.types import CreateItem, Reply, StepItem

__all__ = ["ENV", "NUM_SESSIONS", "Peer", "bare", "cpu_s", "openenv", "ours", "start_peer"]

HERE = Path(__file__).parent
ENV = f"{HERE / 'peers.py'}:Trivial"
NUM_SESSIONS = 64
JSON = {"content-type": "application/json"}

_CPUCLOCK_SCHED = 2  # clock_getcpuclockid(3): the clock of process P is (~P << 3) | 2

Run = Callable[[int], Awaitable[None]]


def cpu_s(pid: int) -> float:
    """Return the processor time of a process and all its threads, on Linux to the nanosecond."""
    if sys.platform == "linux":
        return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


class Peer:
    """A server process and the way to step it.

    Args:
        name: what the table calls it.
        pid: the server's process.
        run: steps every session so many times.
        base: the peer whose cost is 1.
    """

    def __init__(self, name: str, pid: int, run: Run, base: str) -> None:
        self.name, self.pid, self.run, self.base = name, pid, run, base
        self.server_us: list[float] = []
        self.client_us: list[float] = []

    async def measure(self, num_turns: int) -> None:
        """Step, and note what a step took of both processors."""
        before, mine = cpu_s(self.pid), resource.getrusage(resource.RUSAGE_SELF)
        await self.run(num_turns)
        after, now = cpu_s(self.pid), resource.getrusage(resource.RUSAGE_SELF)
        steps = num_turns * NUM_SESSIONS
        client_s = now.ru_utime + now.ru_stime - mine.ru_utime - mine.ru_stime
        self.server_us.append((after - before) / steps * 1e6)
        self.client_us.append(client_s / steps * 1e6)


async def bare(url: str) -> tuple[Run, Run]:
    """Step the bare ASGI application, one by one and in batches."""
    transport = KeepAliveTransport(url, {}, 60.0)
    turns = [0] * NUM_SESSIONS

    async def one(number: int, num_turns: int) -> None:
        for _ in range(num_turns):
            body = orjson.dumps({"episode": 0, "turn": turns[number], "action": "go"})
            await transport.call("POST", f"/step/{number}", body, JSON)
            turns[number] += 1

    async def singles(num_turns: int) -> None:
        await asyncio.gather(*[one(number, num_turns) for number in range(NUM_SESSIONS)])

    async def batches(num_turns: int) -> None:
        for _ in range(num_turns):
            rows = [{"id": n, "episode": 0, "turn": turns[n], "action": "go"} for n in range(NUM_SESSIONS)]
            await transport.call("POST", "/batch", orjson.dumps({"items": rows}), JSON)

    return singles, batches


async def ours(url: str) -> tuple[Run, Run, Run]:
    """Step turnwise over plain connections, in batches through its client, and one by one through it."""
    client, transport = connect(url), KeepAliveTransport(url, {}, 60.0)
    rows = await client.create([CreateItem(ENV, count=NUM_SESSIONS)], request_id=str(time.time_ns()))
    ids, turns = [row.id for row in rows], [0] * NUM_SESSIONS

    async def one(number: int, num_turns: int) -> None:
        for _ in range(num_turns):
            body = orjson.dumps({"episode": 0, "turn": turns[number], "action": "go"})
            answer = await transport.call("POST", f"/v1/sessions/{ids[number]}/step", body, JSON)
            assert answer.status == 200, answer.body
            turns[number] += 1

    async def through_client(number: int, num_turns: int) -> None:
        for _ in range(num_turns):
            (reply,) = await client.step([StepItem(ids[number], 0, turns[number], "go")])
            turns[number] += 1
            assert isinstance(reply, Reply) and reply.turn == turns[number], reply

    async def singles(num_turns: int) -> None:
        await asyncio.gather(*[one(number, num_turns) for number in range(NUM_SESSIONS)])

    async def by_client(num_turns: int) -> None:
        await asyncio.gather(*[through_client(number, num_turns) for number in range(NUM_SESSIONS)])

    async def batches(num_turns: int) -> None:
        for _ in range(num_turns):
            steps = [StepItem(id, 0, turn, "go") for id, turn in zip(ids, turns, strict=True)]
            replies = await client.step(steps)
            assert all(reply.turn == turn + 1 for reply, turn in zip(replies, turns, strict=True))
            for number in range(NUM_SESSIONS):
                turns[number] += 1

    return singles, batches, by_client


async def openenv(url: str) -> Run:
    """Step an OpenEnv server over its websocket, one connection a session, as its client does."""
    import websockets

    address = url.replace("http", "ws") + "/ws"
    sockets = [await websockets.connect(address, proxy=None) for _ in range(NUM_SESSIONS)]
    for socket in sockets:
        await socket.send('{"type":"reset","data":{}}')
        await socket.recv()

    async def one(socket: Any, num_turns: int) -> None:
        for _ in range(num_turns):
            await socket.send('{"type":"step","data":{"text":"go"}}')
            answer = await socket.recv()
            assert '"observation"' in answer, answer

    async def singles(num_turns: int) -> None:
        await asyncio.gather(*[one(socket, num_turns) for socket in sockets])

    return singles


def start_peer(stack: ExitStack, command: list[str]) -> tuple[int, str]:
    """Start a peer's server; it prints its port."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    stack.callback(process.stdout.close)
    return process.pid, f"http://127.0.0.1:{port}"
