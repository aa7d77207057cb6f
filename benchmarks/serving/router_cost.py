"""Measure what a router adds to a step, as ratios to the same steps asked of the server itself.

    python benchmarks/serving/router_cost.py --out benchmarks/results

Three ways to step 64 sessions: one by one over 64 connections, in batches of 64 whose answers come
together, and in batches whose answers come line by line; the last two through the client, as rollouts do.
And one session alone, for the latency. Each is asked of a server, and of a router in front of it, in turns
in the same run; the ratio is the median of those of 9 rounds. Processor time is that of all processes
together: client, router, server. It is also given for the servers alone and for the router alone, since a
router takes HTTP off the servers. The environments: one that does nothing, the worst there is for a router,
and one that takes some work to step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from drivers import ENV, HERE, JSON, cpu_s
from router_processes import Forked, fleet_of, router_process, server_process

from turnwise.servers.client import connect
from turnwise.servers.client.transports.keep_alive import KeepAliveTransport
from turnwise.servers.protocol.types import CreateItem, Reply, StepItem

NUM = 64
WORKING = f"{HERE / 'router_worlds.py'}:Working"
WAYS = ("single steps", "batches of 64", "streams of 64", "one session alone")


class Asked:
    """One address and its sessions: what measures step them through it."""

    def __init__(self, url: str, env_id: str) -> None:
        self._client, self._transport = connect(url), KeepAliveTransport(url, {}, 60.0)
        self._env_id = env_id
        self._ids: list[str] = []
        self._turns = [0] * NUM

    async def open(self) -> None:
        rows = await self._client.create(
            [CreateItem(self._env_id, count=NUM)], request_id=f"{time.time_ns()}"
        )
        assert all(isinstance(row, Reply) for row in rows), rows[0]
        self._ids = [row.id for row in rows]

    async def close(self) -> None:
        await self._client.close(self._ids)
        await self._client.aclose()
        await self._transport.aclose()

    async def run(self, way: str, num_turns: int) -> int:
        """Step, and return how many steps it were."""
        if way == WAYS[0]:
            await asyncio.gather(*[self._one(number, num_turns) for number in range(NUM)])
        elif way == WAYS[3]:
            await self._one(0, num_turns)
            return num_turns
        else:
            for _ in range(num_turns):
                await (self._batch() if way == WAYS[1] else self._stream())
        return num_turns * NUM

    async def _one(self, number: int, num_turns: int) -> None:
        for _ in range(num_turns):
            body = orjson.dumps({"episode": 0, "turn": self._turns[number], "action": "go"})
            path = f"/v1/sessions/{self._ids[number]}/step"
            answer = await self._transport.call("POST", path, body, JSON)
            assert answer.status == 200, answer.body
            self._turns[number] += 1

    def _items(self) -> list[StepItem]:
        return [StepItem(id, 0, turn, "go") for id, turn in zip(self._ids, self._turns, strict=True)]

    async def _batch(self) -> None:
        for number, row in enumerate(await self._client.step(self._items())):
            self._take(number, row)

    async def _stream(self) -> None:
        async for number, row in self._client.step_each(self._items()):
            self._take(number, row)

    def _take(self, number: int, row: Any) -> None:
        assert isinstance(row, Reply) and row.turn == self._turns[number] + 1, row
        self._turns[number] += 1


async def measured(asked: Asked, way: str, turns: int, pids: dict[str, list[int]]) -> dict[str, float]:
    """Step, and return microseconds a step: of processors by kind of process, and of the clock."""
    before = {kind: sum(map(cpu_s, of_kind)) for kind, of_kind in pids.items()}
    mine, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    num = await asked.run(way, turns)
    wall, now = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    found = {kind: (sum(map(cpu_s, of_kind)) - before[kind]) / num * 1e6 for kind, of_kind in pids.items()}
    found["client"] = (now.ru_utime + now.ru_stime - mine.ru_utime - mine.ru_stime) / num * 1e6
    found["all"] = sum(found.values())
    found["clock"] = wall / num * 1e6
    return found


async def compared(env_id: str, servers: list[Forked], router: Forked, options: Any) -> Any:
    """Compare each way of stepping, direct and through the router."""
    direct, routed = Asked(servers[0].url, env_id), Asked(router.url, env_id)
    await direct.open()
    await routed.open()
    rows = []
    for way in WAYS:
        turns = options.turns * (8 if way == WAYS[3] else 1)
        for asked in (direct, routed):
            await asked.run(way, 5)
        rounds = []
        for _ in range(options.rounds):
            one = await measured(direct, way, turns, {"servers": [servers[0].pid]})
            kinds = {"servers": [server.pid for server in servers], "router": [router.pid]}
            rounds.append((one, await measured(routed, way, turns, kinds)))
        rows.append(row_of(way, rounds))
    await direct.close()
    await routed.close()
    return rows


def row_of(way: str, rounds: list[tuple[dict[str, float], dict[str, float]]]) -> dict[str, Any]:
    """Return medians, and ratios of routed to direct."""
    row: dict[str, Any] = {"way": way}
    for kind in ("all", "clock", "servers"):
        ratios = sorted(routed[kind] / direct[kind] for direct, routed in rounds)
        row[f"ratio_{kind}"] = round(statistics.median(ratios), 3)
        row[f"ratios_{kind}"] = [round(ratios[0], 2), round(ratios[-1], 2)]
    for name, place, kinds in (
        ("direct", 0, ("client", "servers", "clock")),
        ("routed", 1, ("client", "router", "servers", "clock")),
    ):
        row[f"{name}_us"] = {
            kind: round(statistics.median(both[place][kind] for both in rounds), 1) for kind in kinds
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"rounds": options.rounds, "turns": options.turns, "rows": []}
    for num in (1, 4):
        with ExitStack() as stack:
            servers = [
                stack.enter_context(server_process(f"server-{number}", [ENV, WORKING]))
                for number in range(num)
            ]
            router = stack.enter_context(router_process(fleet_of(servers)))
            for env_id in (ENV, WORKING):
                rows = asyncio.run(compared(env_id, servers, router, options))
                for row in rows:
                    row = {"servers": num, "env": env_id.rpartition(":")[2], **row}
                    result["rows"].append(row)
                    print(json.dumps(row), flush=True)
    result["load"] = [round(load, 1) for load in os.getloadavg()]
    if options.out is not None:
        file = options.out / f"{datetime.now(UTC):%Y-%m-%d}-router-cost.json"
        file.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
