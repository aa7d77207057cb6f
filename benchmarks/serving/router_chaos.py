"""Play episodes through a router while servers and router are killed, and servers emptied and ended.

    python benchmarks/serving/router_chaos.py --episodes 1000 --events 60 --out benchmarks/results

Four servers with journals, a router in front of them, and a proxy before the router that drops, delays,
cuts and duplicates requests and replies, up to seconds late. At random moments a server or the router is
killed with SIGKILL and started again, or a server is emptied (`turnwise router drain NAME --move`), by a
mover that itself dies in the middle every second time, and then ended. Drivers play as in chaos.py.
Demanded: every trajectory is identical to that of a plain environment in this process, each environment has
counted as many steps as its turn says, and no session is lost. Sessions that nobody knows, of a create or a
fork whose server died before its answer came and that another server did then, are left to their lease by
design; they are counted. The exit code is 1 if something is wrong.
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
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any

from chaos import INLINE, LENGTH, SESSIONS_OF_A_DRIVER, play, play_alone
from faults import Faults, Proxy
from router_processes import Forked, fleet_of, router_process, server_process

from turnwise.errors import TurnwiseError
from turnwise.servers.client import connect
from turnwise.servers.router.config import FleetConfig
from turnwise.servers.router.drain import moved_away, told

NUM_SERVERS = 4
AT_ONCE = 16  # drivers
SMALL = INLINE[:3]


class Havoc:
    """What is done to servers and router, one thing after another."""

    def __init__(
        self, servers: list[Forked], router: Forked, fleet: FleetConfig, draw: random.Random
    ) -> None:
        self._servers, self._router, self._fleet, self._draw = servers, router, fleet, draw
        self.done: Counter[str] = Counter()
        self.moved = 0

    async def wreak(self, num: int, every_s: float) -> None:
        for number in range(num):
            await asyncio.sleep(every_s * (0.5 + self._draw.random()))
            place = self._draw.randrange(len(self._servers))
            await (self._kill_router, self._kill_server, self._empty)[number % 3](place)

    async def _kill_router(self, _: int) -> None:
        await asyncio.to_thread(self._router.kill)
        await asyncio.sleep(0.3 * self._draw.random())
        await asyncio.to_thread(self._router.start)
        self.done["router killed"] += 1

    async def _kill_server(self, place: int) -> None:
        server = self._servers[place]
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(self._draw.random())
        await asyncio.to_thread(server.start)
        self.done["server killed"] += 1

    async def _empty(self, place: int) -> None:
        """Empty a server and end it; or die while it is emptied, and kill it then, or the one next to it."""
        server, name = self._servers[place], f"server-{place}"
        moving = asyncio.create_task(moved_away(self._fleet, name, 1.0))
        with suppress(TurnwiseError):  # it may be down
            if self._draw.random() < 0.5:
                await asyncio.wait({moving}, timeout=0.4 * self._draw.random())
                if not moving.done():
                    moving.cancel()
                    with suppress(asyncio.CancelledError):
                        await moving
                    self.done["mover died"] += 1
                    if self._draw.random() < 0.5:
                        await self._kill_server(self._draw.choice([place, (place + 1) % len(self._servers)]))
                    with suppress(TurnwiseError):
                        await told(self._fleet, name, False)
                    return
            done = await moving
            self.moved += done.moved
            self.done["emptied"] += 1
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(0.3 * self._draw.random())
        await asyncio.to_thread(server.start)
        self.done["ended and started"] += 1


async def run(
    num_episodes: int, num_events: int, seed: int, env_ids: list[str], every_s: float
) -> dict[str, Any]:
    num_rounds = 2
    num_drivers = -(-num_episodes // (num_rounds * SESSIONS_OF_A_DRIVER))
    faults, draw = Faults(random.Random(seed), late_s=0.5), random.Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = [
            stack.enter_context(server_process(f"server-{k}", env_ids, folder / f"{k}.db", drain_s=2.0))
            for k in range(NUM_SERVERS)
        ]
        fleet = fleet_of(servers, silent_s=5.0)
        router = stack.enter_context(router_process(fleet, drain_s=2.0))
        proxy = Proxy(int(router.url.rpartition(":")[2]), faults)
        listening = await proxy.start()
        client = connect(proxy.url, timeout_s=2.0, budget_s=900.0)
        started = time.monotonic()
        havoc = Havoc(servers, router, fleet, draw)
        wreaking = asyncio.create_task(havoc.wreak(num_events, every_s))
        outcomes: list[tuple[int, list[Any] | str]] = []
        numbers = count()

        async def drive() -> None:
            while not wreaking.done() or len(outcomes) < num_drivers:
                driver = next(numbers)
                try:
                    outcome: list[Any] | str = await play(client, driver, num_rounds, env_ids)
                except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed
                    outcome = f"{type(error).__name__}: {error}"
                outcomes.append((driver, outcome))

        await asyncio.gather(*[drive() for _ in range(AT_ONCE)], wreaking)
        seconds = time.monotonic() - started
        await asyncio.gather(*proxy.late)
        await client.aclose()
        proxy.hang_up()
        listening.close()
        calm = connect(router.url, budget_s=60.0)
        left = len(await calm.sessions())
        await calm.aclose()
        logs = "".join(one.log_file.read_text() for one in [*servers, router])
    wrong = [f"driver {driver}: {outcome}" for driver, outcome in outcomes if isinstance(outcome, str)]
    lines = logs.splitlines()
    strange = [k for k, line in enumerate(lines) if "Traceback" in line or "cannot be rebuilt" in line]
    wrong += ["\n".join(lines[max(0, k - 2) : k + 40]) for k in strange]
    for driver, outcome in outcomes:
        if not isinstance(outcome, str) and outcome != await play_alone(driver, num_rounds, env_ids):
            wrong.append(f"driver {driver}: another trajectory than a plain environment's")
    return {
        "episodes": len(outcomes) * num_rounds * SESSIONS_OF_A_DRIVER,
        "turns": len(outcomes) * num_rounds * SESSIONS_OF_A_DRIVER * LENGTH,
        "servers": NUM_SERVERS,
        "seed": seed,
        "environments": [env_id.rpartition(":")[2] for env_id in env_ids],
        "faults": faults.table(),
        "events": dict(havoc.done),
        "sessions_moved": havoc.moved,
        "left_to_their_lease": left,
        "seconds": round(seconds, 1),
        "wrong": wrong[:20],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--episodes", type=int, default=1000, help="at least; playing goes on until all is done"
    )
    parser.add_argument("--events", type=int, default=60)
    parser.add_argument("--every", type=float, default=1.5, help="seconds between events, on average")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="small environments alone")
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    env_ids = SMALL if options.small else INLINE
    result = asyncio.run(run(options.episodes, options.events, options.seed, env_ids, options.every))
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        file = options.out / f"{time.strftime('%Y-%m-%d')}-router-chaos.json"
        file.write_text(text + "\n")
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
