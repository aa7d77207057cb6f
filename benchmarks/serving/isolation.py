"""Measure what each way of isolation costs a step, and what a process or container costs to start.

    python benchmarks/serving/isolation.py --image turnwise --out benchmarks/results

One session of a trivial environment is stepped one turn after the other through
the service, without HTTP, so that what is measured is the way to the environment
and back. The ways take turns for several rounds; reported are medians of the
rounds' medians, and ratios to `process` in the same round. It needs a Docker
engine and an image of this same turnwise: tests/servers/with_docker.sh gives both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drivers import ENV, HERE

from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.isolation.containers.launcher import ContainerLauncher
from turnwise.servers.isolation.hosts import Isolation
from turnwise.servers.isolation.launchers import Launcher, ProcessLauncher
from turnwise.servers.isolation.process_pool import ProcessPool
from turnwise.servers.protocol.types import CreateItem, StepItem
from turnwise.servers.run.config import ServerConfig
from turnwise.servers.sessions.service import Service

WAYS: tuple[Isolation, ...] = ("inline", "thread", "process", "container")


def client_of(way: Isolation, pool: ProcessPool | None) -> SessionClient:
    """Build a service that isolates so, and a client of it."""
    return SessionClient(
        LocalTransport(
            Service(Catalogue([ENV], isolation={"*": way}, pools={way: pool} if pool is not None else None))
        )
    )


async def step_us(client: SessionClient, session: str, first_turn: int, num: int) -> float:
    """Return the median time of a step."""
    taken = []
    for turn in range(first_turn, first_turn + num):
        started = time.perf_counter()
        await client.step([StepItem(session, 0, turn, "go")])
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e6


def start_ms(launcher: Launcher, num: int) -> float:
    """Return the median time from nothing to a process that has its environment's code loaded."""
    taken = []
    for _ in range(num):
        pool = ProcessPool(launcher, 1)
        started = time.perf_counter()
        pool.describe([ENV])
        taken.append(time.perf_counter() - started)
        pool.close()
    return statistics.median(taken) * 1e3


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Let the ways take turns."""
    launchers: dict[Isolation, Launcher] = {
        "process": ProcessLauncher(),
        "container": ContainerLauncher(options.image, readable=[HERE / "peers.py"]),
    }
    starts = {way: round(start_ms(launcher, options.rounds), 1) for way, launcher in launchers.items()}
    pools = {way: ProcessPool(launcher, 1) for way, launcher in launchers.items()}
    clients = {way: client_of(way, pools.get(way)) for way in WAYS}
    sessions = {}
    for way, client in clients.items():
        (row,) = await client.create([CreateItem(ENV)], request_id="a")
        sessions[way] = row.id
        await step_us(client, row.id, 0, options.steps)  # to warm up
    rounds: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(1, options.rounds + 1):
        for way in WAYS:
            place = number * options.steps
            rounds[way].append(await step_us(clients[way], sessions[way], place, options.steps))
    for client in clients.values():
        await client.transport.service.aclose()
    rows = [
        {
            "isolation": way,
            "step_us": round(statistics.median(rounds[way]), 1),
            "ratio_to_process": round(
                statistics.median(a / b for a, b in zip(rounds[way], rounds["process"], strict=True)), 2
            ),
            "start_ms": starts.get(way),
            "rounds_us": [round(lap, 1) for lap in rounds[way]],
        }
        for way in WAYS
    ]
    return {"kind": "isolation", "load": os.getloadavg(), "steps": options.steps, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default=ServerConfig().container_image)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    result = asyncio.run(measure(options))
    print(json.dumps(result, indent=2))
    if options.out is not None:
        day = datetime.now(UTC).date().isoformat()
        (options.out / f"{day}-serving-isolation.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
