"""Measure what a step costs a server, as a ratio to bare ASGI in the same run.

    python benchmarks/serving/bench.py --openenv .openenv/bin/python --out benchmarks/results
    python benchmarks/serving/bench.py --gate

Each server runs as its own process with 64 sessions of a trivial environment
that answers with 64 bytes. Reported is processor time a step of the server and
of the client, the median of several rounds in which the servers take turns, so
that a neighbour on the machine disturbs all of them alike; a ratio is the median
of the ratios of each round. `--gate` measures bare ASGI and turnwise alone, and
exits with 1 when a ratio is over its limit in three runs after one another; no
seconds are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from drivers import ENV, HERE, Peer, bare, openenv, ours, start_peer
from peers import Trivial

from turnwise.envs.registry import make
from turnwise.servers.client import ServerProcess, connect
from turnwise.servers.protocol.types import CreateItem

BARE, BATCH = "bare ASGI", "bare ASGI, batch of 64"
# A quarter above the largest that unchanged code had on any machine and hour: caches that neighbours
# fill slow the larger program more than the bare one.
LIMITS = {
    "turnwise": 2.45,
    "turnwise, batch of 64": 9.6,
    "turnwise, journal": 2.7,
    "turnwise, journal, batch of 64": 14.5,
}
_TRIES = 3  # what is slower stays slower; a neighbour does not disturb every time


def in_process_us(num: int = 20_000) -> dict[str, float]:
    """Step the environment without any server: alone, and as the registry makes it, checked."""
    found = {}
    for name, env in (("alone", Trivial()), ("checked", make(Trivial))):
        env.reset(seed=0)
        started = time.process_time()
        for _ in range(num):
            env.step("go")
        found[name] = round((time.process_time() - started) / num * 1e6, 2)
    return found


async def start(options: argparse.Namespace, stack: ExitStack) -> list[Peer]:
    """Start every server that is compared."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    pid, url = start_peer(stack, [sys.executable, str(HERE / "peers.py")])
    singles, batches = await bare(url)
    peers = [Peer(BARE, pid, singles, BARE), Peer(BATCH, pid, batches, BATCH)]
    for name, more in (("turnwise", []), ("turnwise, journal", ["--journal", str(folder / "journal.db")])):
        server = stack.enter_context(ServerProcess(["--env", ENV, *more]))
        singles, batches, by_client = await ours(server.url)
        peers.append(Peer(name, server.pid, singles, BARE))
        peers.append(Peer(f"{name}, batch of 64", server.pid, batches, BATCH))
        if not more and not options.gate:
            peers.append(Peer(f"{name}, single steps through its client", server.pid, by_client, BARE))
    if options.openenv:
        for kind in ("sync", "async"):
            command = [options.openenv, str(HERE / "openenv_peer.py"), "--kind", kind]
            pid, url = start_peer(stack, command)
            peers.append(Peer(f"OpenEnv websocket, {kind} environment", pid, await openenv(url), BARE))
    return peers


async def bench(options: argparse.Namespace, stack: ExitStack) -> dict[str, Any]:
    peers = await start(options, stack)
    for peer in peers:
        await peer.run(20)  # warm
    for _ in range(options.rounds):
        for peer in peers:
            await peer.measure(options.turns)
    cost = {peer.name: peer.server_us for peer in peers}
    rows = []
    for peer in peers:
        ratios = [mine / base for mine, base in zip(peer.server_us, cost[peer.base], strict=True)]
        row = {"server": peer.name, "server_us": round(statistics.median(peer.server_us), 1)}
        row |= {"ratio_to_bare": round(statistics.median(ratios), 2)}
        row |= {"ratios": [round(min(ratios), 2), round(max(ratios), 2)]}
        rows.append({**row, "client_us": round(statistics.median(peer.client_us), 1)})
    result = {"rows": rows, "rounds": options.rounds, "turns": options.turns}
    if options.gate:
        return result
    return {
        "in_process_us": in_process_us(),
        **result,
        "memory": memory(stack, options.idle_sessions),
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def memory(stack: ExitStack, num_sessions: int) -> dict[str, Any]:
    """Hold many idle sessions and see what one takes."""
    server = stack.enter_context(ServerProcess(["--env", ENV]))
    process = psutil.Process(server.pid)
    base, base_threads, base_fds = process.memory_info().rss, process.num_threads(), process.num_fds()

    async def fill() -> None:
        client = connect(server.url)
        for number in range(0, num_sessions, 1000):
            items = [CreateItem(ENV, seed=number, count=min(1000, num_sessions - number))]
            await client.create(items, request_id=str(number))
        await client.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(fill()))
    thread.start()
    thread.join()
    full = process.memory_info().rss
    return {
        "base_mb": round(base / 2**20, 1),
        "idle_sessions": num_sessions,
        "full_mb": round(full / 2**20, 1),
        "kb_per_idle_session": round((full - base) / num_sessions / 1024, 1),
        "more_threads": process.num_threads() - base_threads,
        "more_descriptors": process.num_fds() - base_fds,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--turns", type=int, default=40, help="turns of each session in a round")
    parser.add_argument("--idle-sessions", type=int, default=10_000)
    parser.add_argument("--openenv", help="a Python that has openenv-core, to run its server (make openenv)")
    parser.add_argument("--gate", action="store_true", help="compare with the limits, in less than a minute")
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    over: list[dict[str, Any]] = []
    for _ in range(_TRIES if options.gate else 1):
        with ExitStack() as stack:
            result = asyncio.run(bench(options, stack))
        text = json.dumps(result, indent=1)
        print(text)
        over = [row for row in result["rows"] if row["ratio_to_bare"] > LIMITS.get(row["server"], math.inf)]
        if not over:
            break
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-bench.json").write_text(text + "\n")
    for row in over:
        print(f"over the limit of {LIMITS[row['server']]}: {row}", file=sys.stderr)
    return 1 if over and options.gate else 0


if __name__ == "__main__":
    sys.exit(main())
