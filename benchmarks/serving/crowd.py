"""Let 2 048 clients come at once: connect, create and reset, and take a step that waits one second.

    python benchmarks/serving/crowd.py --openenv .openenv/bin/python --out benchmarks/results

All clients live in one process; the server is held to one core. Reported is the
time from the wish to connect to the reply of the step, of which one second is
waiting, for turnwise (an environment with `step_async`), for bare ASGI that does
nothing but wait, and for OpenEnv. The servers take turns for several rounds, and
the median of each percentile counts. On a machine that does other things, too, the
server's processor time is what can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import psutil
from drivers import HERE, JSON, cpu_s, start_peer

from turnwise.servers.client import ServerProcess
from turnwise.servers.client.transports.base import TransportFailed
from turnwise.servers.client.transports.keep_alive import KeepAliveTransport

ENV = f"{HERE / 'peers.py'}:Patient"
GIVE_UP_S = 90.0
One = Callable[[str, int], Awaitable[float]]  # returns when the step was answered


async def bare(url: str, number: int) -> float:
    transport = KeepAliveTransport(url, {}, GIVE_UP_S, max_connections=1)
    body = orjson.dumps({"episode": 0, "turn": 0, "action": "go"})
    answer = await transport.call("POST", f"/wait/{number % 64}", body, JSON)
    answered = time.perf_counter()
    assert answer.status == 200, answer
    await transport.aclose()
    return answered


async def ours(url: str, number: int) -> float:
    transport = KeepAliveTransport(url, {}, GIVE_UP_S, max_connections=1)
    create = orjson.dumps({"env_id": ENV, "seed": number})
    answer = await transport.call("POST", "/v1/sessions", create, JSON)
    id = orjson.loads(answer.body)["sessions"][0]["id"]
    body = orjson.dumps({"episode": 0, "turn": 0, "action": "go"})
    answer = await transport.call("POST", f"/v1/sessions/{id}/step", body, JSON)
    answered = time.perf_counter()
    assert answer.status == 200 and orjson.loads(answer.body)["turn"] == 1, answer
    answer = await transport.call("DELETE", f"/v1/sessions/{id}", None, {})
    assert answer.status == 200, answer
    await transport.aclose()
    return answered


async def openenv(url: str, _: int) -> float:
    import websockets

    address = url.replace("http", "ws") + "/ws"
    # no pings: under this load their answers come too late, and the client would hang up
    async with websockets.connect(
        address, proxy=None, open_timeout=GIVE_UP_S, ping_interval=None, close_timeout=1
    ) as socket:
        await socket.send('{"type":"reset","data":{}}')
        await socket.recv()
        await socket.send('{"type":"step","data":{"text":"go"}}')
        answer = await socket.recv()
        answered = time.perf_counter()
        assert '"observation"' in answer, answer
    return answered


async def crowd(one: One, url: str, num: int) -> list[float]:
    """Let all come at once; return the seconds that each took, sorted, infinite for one that gave up."""

    async def timed(number: int) -> float:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(GIVE_UP_S):
                return await one(url, number) - started
        except (TimeoutError, TransportFailed):
            return float("inf")

    return sorted(await asyncio.gather(*[timed(number) for number in range(num)]))


def hold_to_one_core(pid: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {max(os.sched_getaffinity(0))})


def run(options: argparse.Namespace, stack: ExitStack) -> dict[str, Any]:
    servers: dict[str, tuple[One, int, str]] = {}
    pid, url = start_peer(stack, [sys.executable, str(HERE / "peers.py")])
    servers["bare ASGI, no session"] = (bare, pid, url)
    server = stack.enter_context(ServerProcess(["--env", ENV]))
    servers["turnwise"] = (ours, server.pid, server.url)
    for kind in ("async", "sync") if options.openenv else ():
        command = [options.openenv, str(HERE / "openenv_peer.py"), "--kind", kind, "--wait-s", "1"]
        servers[f"OpenEnv, {kind} environment"] = (openenv, *start_peer(stack, command))
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    for _, pid, _ in servers.values():
        hold_to_one_core(pid)
    for _ in range(options.rounds):
        for name, (one, pid, url) in servers.items():
            process, before = psutil.Process(pid), cpu_s(pid)
            seconds = asyncio.run(crowd(one, url, options.clients))
            used = cpu_s(pid) - before
            row = {"gave_up": seconds.count(float("inf")), "server_cpu_s": used}
            row |= {f"p{part}_s": seconds[len(seconds) * part // 100] for part in (50, 99)}
            rows[name].append({**row, "threads": process.num_threads()})
    return {
        "clients": options.clients,
        "rounds": options.rounds,
        "rows": [{"server": name, **medians(found)} for name, found in rows.items()],
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def medians(rows: list[dict[str, float]]) -> dict[str, float | None]:
    found = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    return {key: round(value, 2) if value < float("inf") else None for key, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--openenv", help="a Python that has openenv-core, to run its server (make openenv)")
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = options.clients * 2 + 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, wanted), hard), hard))
    with ExitStack() as stack:
        result = run(options, stack)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-crowd.json").write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
