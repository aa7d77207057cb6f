"""Measure what a step costs a server, as a ratio to bare ASGI in the same run.

    python benchmarks/serving/bench.py --out benchmarks/results
    python benchmarks/serving/bench.py --openenv-python OTHER/bin/python   # with its server, too

Each server runs as its own process with 64 sessions of a trivial environment
that answers with 64 bytes. Reported is processor time a step of the server and
of the client, the median of several rounds in which the servers take turns, so
that a neighbour on the machine disturbs all of them alike. `--gate` exits with
1 when a ratio is over its limit; the limits are those of the documentation with
room for noise.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import psutil
from peers import Trivial

from turnwise.servers.api import CreateItem, StepItem
from turnwise.servers.http_client import HttpClient
from turnwise.servers.process import ServerProcess
from turnwise.servers.transport import KeepAliveTransport

HERE = Path(__file__).parent
ENV = f"{HERE / 'peers.py'}:Trivial"
NUM_SESSIONS = 64
JSON = {"content-type": "application/json"}
LIMITS = {"turnwise": 1.8, "turnwise, journal": 2.6, "turnwise, batch of 64": 4.0}

Run = Callable[[int], Awaitable[None]]


class Peer:
    """A server process and the way to step it.

    Args:
        name: what the table calls it.
        process: the server.
        run: steps every session so many times.
        base: the peer whose cost is 1.
    """

    def __init__(self, name: str, pid: int, run: Run, base: str) -> None:
        self.name, self.process, self.run, self.base = name, psutil.Process(pid), run, base
        self.server_us: list[float] = []
        self.client_us: list[float] = []

    async def measure(self, num_turns: int) -> None:
        before = self.process.cpu_times()
        mine = resource.getrusage(resource.RUSAGE_SELF)
        await self.run(num_turns)
        after, now = self.process.cpu_times(), resource.getrusage(resource.RUSAGE_SELF)
        steps = num_turns * NUM_SESSIONS
        server_s = after.user + after.system - before.user - before.system
        client_s = now.ru_utime + now.ru_stime - mine.ru_utime - mine.ru_stime
        self.server_us.append(server_s / steps * 1e6)
        self.client_us.append(client_s / steps * 1e6)


async def bare(url: str) -> tuple[Run, Run]:
    """Step the bare ASGI application, one by one and in batches."""
    transport = KeepAliveTransport(url, {}, 30.0)
    turns = [0] * NUM_SESSIONS

    async def one(number: int, num_turns: int) -> None:
        for _ in range(num_turns):
            body = orjson.dumps({"episode": 0, "turn": turns[number], "action": "go"})
            await transport.send("POST", f"/step/{number}", JSON, body)
            turns[number] += 1

    async def singles(num_turns: int) -> None:
        await asyncio.gather(*[one(number, num_turns) for number in range(NUM_SESSIONS)])

    async def batches(num_turns: int) -> None:
        for _ in range(num_turns):
            rows = [{"id": n, "episode": 0, "turn": turns[n], "action": "go"} for n in range(NUM_SESSIONS)]
            await transport.send("POST", "/batch", JSON, orjson.dumps({"items": rows}))

    return singles, batches


async def ours(url: str) -> tuple[Run, Run]:
    """Step turnwise over plain connections, one by one, and in batches through its client."""
    client, transport = HttpClient(url), KeepAliveTransport(url, {}, 30.0)
    rows = await client.create([CreateItem(ENV, count=NUM_SESSIONS)], request_id=str(time.time_ns()))
    ids, turns = [row.id for row in rows], [0] * NUM_SESSIONS

    async def one(number: int, num_turns: int) -> None:
        for _ in range(num_turns):
            body = orjson.dumps({"episode": 0, "turn": turns[number], "action": "go"})
            answer = await transport.send("POST", f"/v1/sessions/{ids[number]}/step", JSON, body)
            assert answer.status == 200, answer.body
            turns[number] += 1

    async def singles(num_turns: int) -> None:
        await asyncio.gather(*[one(number, num_turns) for number in range(NUM_SESSIONS)])

    async def batches(num_turns: int) -> None:
        for _ in range(num_turns):
            steps = [StepItem(id, 0, turn, "go") for id, turn in zip(ids, turns, strict=True)]
            replies = await client.step(steps)
            assert all(reply.turn == turn + 1 for reply, turn in zip(replies, turns, strict=True))
            for number in range(NUM_SESSIONS):
                turns[number] += 1

    return singles, batches


async def openenv(url: str) -> Run:
    """Step an OpenEnv server over its websocket, one connection a session, as its client does."""
    import websockets

    sockets = [await websockets.connect(url.replace("http", "ws") + "/ws") for _ in range(NUM_SESSIONS)]
    for socket in sockets:
        await socket.send('{"type":"reset","data":{}}')
        await socket.recv()

    async def one(socket: Any, num_turns: int) -> None:
        for _ in range(num_turns):
            await socket.send('{"type":"step","data":{"text":"go"}}')
            await socket.recv()

    async def singles(num_turns: int) -> None:
        await asyncio.gather(*[one(socket, num_turns) for socket in sockets])

    return singles


def start_peer(stack: ExitStack, command: list[str]) -> tuple[int, str]:
    """Start a peer's server; it prints its port."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    return process.pid, f"http://127.0.0.1:{port}"


async def in_process_us() -> float:
    """Step the environment without any server."""
    env = Trivial()
    env.reset(seed=0)
    num = 20_000
    started = time.process_time()
    for _ in range(num):
        env.step("go")
    return (time.process_time() - started) / num * 1e6


async def bench(options: argparse.Namespace, stack: ExitStack) -> dict[str, Any]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    peers: list[Peer] = []
    pid, url = start_peer(stack, [sys.executable, str(HERE / "peers.py")])
    singles, batches = await bare(url)
    peers += [Peer("bare ASGI", pid, singles, "bare ASGI")]
    peers += [Peer("bare ASGI, batch of 64", pid, batches, "bare ASGI, batch of 64")]
    for name, more in (("turnwise", []), ("turnwise, journal", ["--journal", str(folder / "journal.db")])):
        server = stack.enter_context(ServerProcess(["--env", ENV, *more]))
        singles, batches = await ours(server.url)
        peers.append(Peer(name, server.pid, singles, "bare ASGI"))
        peers.append(Peer(name + ", batch of 64", server.pid, batches, "bare ASGI, batch of 64"))
    if options.openenv_python:
        pid, url = start_peer(stack, [options.openenv_python, str(HERE / "openenv_peer.py")])
        peers.append(Peer("OpenEnv websocket", pid, await openenv(url), "bare ASGI"))
    for peer in peers:
        await peer.run(20)  # warm
    for _ in range(options.rounds):
        for peer in peers:
            await peer.measure(options.turns)
    cost = {peer.name: statistics.median(peer.server_us) for peer in peers}
    rows = [
        {
            "server": peer.name,
            "server_us_per_step": round(cost[peer.name], 1),
            "ratio_to_bare": round(cost[peer.name] / cost[peer.base], 2),
            "client_us_per_step": round(statistics.median(peer.client_us), 1),
        }
        for peer in peers
    ]
    return {
        "in_process_us": round(await in_process_us(), 2),
        "rows": rows,
        "memory": memory(stack, options.idle_sessions),
        "rounds": options.rounds,
        "turns": options.turns,
        "load": os.getloadavg(),
    }


def memory(stack: ExitStack, num_sessions: int) -> dict[str, Any]:
    """Hold many idle sessions and see what one takes."""
    server = stack.enter_context(ServerProcess(["--env", ENV]))
    process = psutil.Process(server.pid)
    base = process.memory_info().rss

    async def fill() -> None:
        client = HttpClient(server.url)
        for number in range(0, num_sessions, 1000):
            items = [CreateItem(ENV, seed=number, count=min(1000, num_sessions - number))]
            await client.create(items, request_id=str(number))
        await client.aclose()

    asyncio.get_running_loop()
    import threading

    thread = threading.Thread(target=lambda: asyncio.run(fill()))
    thread.start()
    thread.join()
    full = process.memory_info().rss
    return {
        "base_mb": round(base / 2**20, 1),
        "idle_sessions": num_sessions,
        "kb_per_idle_session": round((full - base) / num_sessions / 1024, 1),
        "threads": process.num_threads(),
        "descriptors": process.num_fds(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=100, help="turns of each session in a round")
    parser.add_argument("--idle-sessions", type=int, default=10_000)
    parser.add_argument("--openenv-python", help="a Python that has openenv-core, to run its server")
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    with ExitStack() as stack:
        result = asyncio.run(bench(options, stack))
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-bench.json").write_text(text + "\n")
    over = [row for row in result["rows"] if row["ratio_to_bare"] > LIMITS.get(row["server"], float("inf"))]
    for row in over:
        print(f"over the limit of {LIMITS[row['server']]}: {row}", file=sys.stderr)
    return 1 if over and options.gate else 0


if __name__ == "__main__":
    sys.exit(main())
