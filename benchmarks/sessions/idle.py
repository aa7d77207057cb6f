"""Hold many idle sessions for real: open them through a router on several servers, and see what they take.

    python benchmarks/sessions/idle.py --sessions 100000 --out benchmarks/results

Servers with journals, a router in front of them, an environment that does nothing. Reported: seconds and
processor time to open them; memory of a session on a server, and of one that a server has taken over from
its journal and nobody has called since; what a step costs beside them, as a ratio to the same servers
without them, in turns; what keeping all leases costs by heartbeat, and that all live after more than the
time of a lease; what servers and router take while nobody calls; the journals' bytes. Then constants
for a million, computed from these.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))
from drivers import ENV, cpu_s
from router_processes import Forked, fleet_of, router_process, server_process

from turnwise.servers.client import SessionClient, connect
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.types import CreateItem, Reply, StepItem

OF_ONE_REQUEST = 1000
AT_ONCE = 4
ACTIVE = 64
IDLE_S = 10.0
TTL_S = 240.0


class Fleet:
    """The processes, and what they have taken so far."""

    def __init__(self, servers: list[Forked], router: Forked) -> None:
        self.servers, self.router = servers, router

    def rss(self) -> int:
        """Return bytes of memory of the servers together."""
        return sum(psutil.Process(server.pid).memory_info().rss for server in self.servers)

    def cpu(self) -> dict[str, float]:
        """Return processor seconds of servers and router."""
        return {"servers": sum(cpu_s(one.pid) for one in self.servers), "router": cpu_s(self.router.pid)}

    def since(self, before: dict[str, float]) -> dict[str, float]:
        """Return what was taken since."""
        return {kind: round(now - before[kind], 3) for kind, now in self.cpu().items()}


async def opened(client: SessionClient, num: int, active: list[str]) -> list[str]:
    """Open sessions, and renew the leases of all that are open meanwhile; return their ids."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def part(first: int) -> None:
        async with gate:
            items = [CreateItem(ENV, seed=first, count=min(OF_ONE_REQUEST, num - first))]
            rows = await client.create(items, request_id=f"{first}")
        assert all(isinstance(row, Reply) for row in rows), rows[0]
        ids.extend(row.id for row in rows)
        if len(ids) % 10_000 == 0:
            print(f"{len(ids)} after {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)

    async def renew() -> None:
        while True:
            await asyncio.sleep(TTL_S / 4)
            await client.heartbeat([*ids, *active])

    ids: list[str] = []
    started = time.perf_counter()
    renewing = asyncio.create_task(renew())
    await asyncio.gather(*[part(first) for first in range(0, num, OF_ONE_REQUEST)])
    renewing.cancel()
    return ids


async def stepped_us(
    client: SessionClient, fleet: Fleet, ids: list[str], turns: dict[str, int], num: int
) -> float:
    """Step some sessions in batches; return microseconds of servers and router a step."""
    before = fleet.cpu()
    for _ in range(num):
        rows = await client.step([StepItem(id, 0, turns[id], "go") for id in ids])
        assert all(isinstance(row, Reply) for row in rows), rows[0]
        for id in ids:
            turns[id] += 1
    return sum(fleet.since(before).values()) / (num * len(ids)) * 1e6


async def measure(options: argparse.Namespace, stack: ExitStack, folder: Path) -> dict[str, Any]:
    limits = Limits(max_sessions=2 * options.sessions, ttl_s=TTL_S)
    servers = [
        stack.enter_context(server_process(f"server-{k}", [ENV], folder / f"{k}.db", limits=limits))
        for k in range(options.servers)
    ]
    fleet = Fleet(servers, stack.enter_context(router_process(fleet_of(servers))))
    client = connect(fleet.router.url, timeout_s=600.0, budget_s=1200.0)
    active = [row.id for row in await client.create([CreateItem(ENV, count=ACTIVE)], request_id="active")]
    turns = dict.fromkeys(active, 0)
    await stepped_us(client, fleet, active, turns, 20)
    alone = [await stepped_us(client, fleet, active, turns, options.turns) for _ in range(9)]
    quiet = await idle(fleet)
    base, before, started = fleet.rss(), fleet.cpu(), time.perf_counter()
    begun = started
    ids = await opened(client, options.sessions, active)
    seconds, cpu, full = time.perf_counter() - started, fleet.since(before), fleet.rss()
    started, before = time.perf_counter(), fleet.cpu()
    alive = await client.heartbeat([*ids, *active])
    beat = {"seconds": round(time.perf_counter() - started, 2), **fleet.since(before)}
    beside = [await stepped_us(client, fleet, active, turns, options.turns) for _ in range(9)]
    held = await idle(fleet)
    while time.perf_counter() - begun < TTL_S * 1.2:  # longer than a lease: only heartbeats keep them
        await asyncio.sleep(TTL_S / 3)
        await client.heartbeat([*ids, *active])
    kept = len((await client.heartbeat(ids)).alive)
    journal = sum(file.stat().st_size for file in folder.iterdir())
    await client.aclose()
    return {
        "sessions": options.sessions,
        "servers": options.servers,
        "open": {
            "seconds": round(seconds, 1),
            "us_a_session": {k: round(v / options.sessions * 1e6, 1) for k, v in cpu.items()},
        },
        "bytes_a_session": round((full - base) / options.sessions),
        "memory_mb": {"before": round(base / 1e6), "with": round(full / 1e6)},
        "step_us": {
            "alone": round(statistics.median(alone), 1),
            "beside": round(statistics.median(beside), 1),
        },
        "step_ratio": round(statistics.median(beside) / statistics.median(alone), 3),
        "heartbeat_of_all": beat,
        "alive_at_first": len(alive.alive) - ACTIVE,
        "alive_after_leases": kept,
        "cpu_a_second_idle": {"without": quiet, "with": held},
        "journal_bytes_a_session": round(journal / options.sessions),
        "descriptors": max(psutil.Process(server.pid).num_fds() for server in servers),
        **taken_over(servers[0], options),
    }


async def idle(fleet: Fleet) -> dict[str, float]:
    """Return what the processes take a second while nobody calls."""
    before = fleet.cpu()
    await asyncio.sleep(IDLE_S)
    return {kind: round(taken / IDLE_S, 4) for kind, taken in fleet.since(before).items()}


def taken_over(server: Forked, options: argparse.Namespace) -> dict[str, Any]:
    """Start one server again on its journal, and see what its sessions take asleep."""
    server.kill()
    started = time.perf_counter()
    server.start()
    seconds = time.perf_counter() - started
    num = options.sessions / options.servers
    empty = options.base_rss
    return {
        "taken_over": {
            "sessions": round(num),
            "seconds": round(seconds, 1),
            "cpu_s": round(cpu_s(server.pid), 1),
            "bytes_a_session": round((psutil.Process(server.pid).memory_info().rss - empty) / num),
        }
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--servers", type=int, default=4)
    parser.add_argument(
        "--turns", type=int, default=30, help="steps of each of 64 sessions, of one of 9 rounds"
    )
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with server_process("empty", [ENV], folder / "empty.db") as empty:
            options.base_rss = psutil.Process(empty.pid).memory_info().rss
        result = asyncio.run(measure(options, stack, folder))
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        (options.out / f"{datetime.now(UTC):%Y-%m-%d}-idle-sessions.json").write_text(text + "\n")
    wrong = options.sessions - min(result["alive_at_first"], result["alive_after_leases"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
