"""Play episodes while everything between client and server goes wrong.

    python benchmarks/serving/chaos.py --episodes 1000 --kills 20 --out benchmarks/results

A proxy drops, delays, cuts and duplicates requests and replies, and so reorders
both; duplicates arrive up to seconds late, creates, resets and forks among them.
The server, and the processes in which it keeps environments, are killed with
SIGKILL at random moments and the server is started again on its journal. The
environments are small ones of the tests and the project's own three.
Demanded: every trajectory is identical to a run without faults, each environment
has counted as many steps as its turn says, no session is lost, and none is left
over at the end. The exit code is 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from faults import Faults, Proxy

from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.protocol.types import CreateItem, ForkItem, Reply, ResetItem, StepItem

HERE = Path(__file__).parent
WORLDS = HERE.parents[1] / "tests" / "servers" / "worlds.py"
WANDERERS = HERE / "wanderers.py"
INLINE = [f"{WORLDS}:{name}" for name in ("Counter", "Waiting", "Locked")]
INLINE += [f"{WANDERERS}:{name}" for name in ("Shopping", "Search")]
IN_PROCESSES = [f"{WORLDS}:Fragile", f"{WANDERERS}:Household"]  # their processes are killed, too
LENGTH = 8
SESSIONS_OF_A_DRIVER = 4


async def play(client: SessionClient, driver: int, num_rounds: int, env_ids: list[str]) -> list[Any]:
    """Play what one driver plays; everything follows from its number. Return all replies, without names."""
    choose = random.Random(driver)
    items = [
        CreateItem(choose.choice(env_ids), {"length": LENGTH}, seed=driver * 1000 + i)
        for i in range(SESSIONS_OF_A_DRIVER)
    ]
    rows = await checked(client.create(items, request_id=f"create-{driver}"))
    seen = [plain(row) for row in rows]
    for number in range(num_rounds):
        for turn in range(LENGTH):
            if turn == 3 and choose.random() < 0.5:
                place = choose.randrange(len(rows))
                forks = [ForkItem(rows[place].id, 1, reseed=choose.choice([None, number]))]
                (child,) = await checked(client.fork(forks, request_id=f"fork-{driver}-{number}"))
                await client.close([rows[place].id])
                rows[place] = child
            steps = [StepItem(row.id, row.episode, row.turn, f"go {choose.randrange(99)}") for row in rows]
            rows = await checked(client.step(steps))
            seen += [plain(row) for row in rows]
        if number + 1 < num_rounds:
            resets = [ResetItem(row.id, row.episode + 1, choose.choice([None, number])) for row in rows]
            rows = await checked(client.reset(resets))
            seen += [plain(row) for row in rows]
    await client.close([row.id for row in rows])
    return seen


async def checked(call: Any) -> list[Reply]:
    rows = await call
    for row in rows:
        if not isinstance(row, Reply):
            raise AssertionError(f"lost: {row}")
        counted = int(row.observation.split()[1]) if row.turn else 0
        if counted != row.turn:
            raise AssertionError(f"the environment counted {counted} steps at turn {row.turn}: {row}")
    return rows


def plain(row: Reply) -> Any:
    return [row.episode, row.turn, row.observation, row.reward, row.end, row.info, row.seed, row.env_id]


async def play_alone(driver: int, num_rounds: int, env_ids: list[str]) -> list[Any]:
    client = connect("local:")
    try:
        return await play(client, driver, num_rounds, env_ids)
    finally:
        await client.aclose()


async def kill_now_and_then(
    server: ServerProcess, num: int, every_s: float, draw: random.Random
) -> Counter[str]:
    """Kill the server, or a process it keeps environments in, and start the server again."""
    done: Counter[str] = Counter()
    for _ in range(num):
        await asyncio.sleep(every_s * (0.5 + draw.random()))
        children = psutil.Process(server.pid).children(recursive=True)
        if children and draw.random() < 0.5:
            with suppress(psutil.NoSuchProcess):
                draw.choice(children).kill()
            done["workers"] += 1
        else:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            done["servers"] += 1
    return done


async def run(num_episodes: int, num_kills: int, seed: int, isolate: bool, workers: int) -> dict[str, Any]:
    env_ids = [*INLINE, *IN_PROCESSES]
    num_rounds = 4
    num_drivers = -(-num_episodes // (num_rounds * SESSIONS_OF_A_DRIVER))
    faults = Faults(random.Random(seed))
    arguments = [word for env_id in env_ids for word in ("--env", env_id)]
    if isolate:
        arguments += [word for env_id in IN_PROCESSES for word in ("--isolation", f"{env_id}=process")]
    with tempfile.TemporaryDirectory() as folder:
        arguments += ["--journal", str(Path(folder) / "journal.db"), "--workers", str(workers)]
        with ServerProcess(arguments) as server:
            proxy = Proxy(int(server.url.rpartition(":")[2]), faults)
            listening = await proxy.start()
            client = connect(proxy.url, timeout_s=2.0, budget_s=900.0)
            started = time.monotonic()
            killer = asyncio.create_task(kill_now_and_then(server, num_kills, 1.5, random.Random(seed)))
            gate = asyncio.Semaphore(24)

            async def drive(driver: int) -> list[Any] | str:
                async with gate:
                    try:
                        return await play(client, driver, num_rounds, env_ids)
                    except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed
                        return f"driver {driver}: {type(error).__name__}: {error}"

            # if the server does not come back, it is the killer that fails, and the drivers would wait on
            *outcomes, kills = await asyncio.gather(*[drive(number) for number in range(num_drivers)], killer)
            seconds = time.monotonic() - started
            await asyncio.gather(*proxy.late)
            await client.aclose()
            proxy.hang_up()
            listening.close()
            left = await asyncio.to_thread(httpx.get, f"{server.url}/v1/sessions", timeout=60.0)
            num_left = len(left.json()["sessions"])
    wrong = [outcome for outcome in outcomes if isinstance(outcome, str)]
    wrong += [f"{num_left} sessions were left over"] if num_left else []
    for driver, outcome in enumerate(outcomes):
        if not isinstance(outcome, str) and outcome != await play_alone(driver, num_rounds, env_ids):
            wrong.append(f"driver {driver}: another trajectory than without faults")
    return {
        "episodes": num_drivers * num_rounds * SESSIONS_OF_A_DRIVER,
        "turns": num_drivers * num_rounds * SESSIONS_OF_A_DRIVER * LENGTH,
        "seed": seed,
        "workers": workers,
        "environments": [env_id.rpartition(":")[2] for env_id in env_ids],
        "faults": faults.table(),
        "kills": dict(kills),
        "seconds": round(seconds, 1),
        "wrong": wrong[:20],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes that answer requests")
    parser.add_argument("--inline", action="store_true", help="keep no environment in a process of its own")
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    result = asyncio.run(
        run(options.episodes, options.kills, options.seed, not options.inline, options.workers)
    )
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        name = "chaos" if options.workers == 1 else f"chaos-{options.workers}-workers"
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-{name}.json").write_text(text + "\n")
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
