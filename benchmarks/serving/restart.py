"""Kill the server in the middle of 500 live episodes, and alter what it wrote.

    python benchmarks/serving/restart.py --episodes 500 --out benchmarks/results

Episodes of several environments are played over HTTP on a durable journal. In the
middle the server is killed with SIGKILL and started again. Demanded: the step that
was answered before is answered with the same bytes, every episode goes on, and
all replies are those of a run that nobody disturbed. Then the server is killed
again and the digest of one observation is altered in the journal. Demanded:
that session is refused with the first turn that differs, and all others go on.
The exit code is 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.protocol.types import CreateItem, Problem, Reply, StepItem

WORLDS = Path(__file__).parents[2] / "tests" / "servers" / "worlds.py"
WANDERERS = Path(__file__).with_name("wanderers.py")
ENVS = [f"{WANDERERS}:{name}" for name in ("Household", "Shopping", "Search")]
ENVS += [f"{WORLDS}:{name}" for name in ("Counter", "Locked")]
LENGTH, HALF, ALTERED = 16, 8, 5


def plain(row: Reply | Problem) -> Any:
    if isinstance(row, Problem):
        return row
    return (row.episode, row.turn, row.observation, row.reward, row.end, row.info, row.seed, row.env_id)


async def create(client: SessionClient, num: int) -> list[Reply | Problem]:
    """Make sessions of all environments in turn."""
    items = [CreateItem(ENVS[i % len(ENVS)], {"length": LENGTH}, seed=i) for i in range(num)]
    return await client.create(items, request_id="all")


async def play(client: SessionClient, ids: list[str], turns: range) -> list[Any]:
    """Take turns of all sessions; return the replies of each turn."""
    seen = []
    for turn in turns:
        steps = [StepItem(id, 0, turn, f"go {turn * 7 + i}") for i, id in enumerate(ids)]
        seen.append([plain(row) for row in await client.step(steps)])
    return seen


async def undisturbed(num: int) -> list[Any]:
    client = connect("local:")
    rows = await create(client, num)
    seen = await play(client, [row.id for row in rows if isinstance(row, Reply)], range(LENGTH))
    await client.aclose()
    return [[plain(row) for row in rows], *seen]


async def first_half(url: str, num: int) -> tuple[list[str], list[Any]]:
    client = connect(url)
    rows = await create(client, num)
    ids = [row.id for row in rows if isinstance(row, Reply)]
    seen = await play(client, ids, range(HALF))
    await client.aclose()
    return ids, [[plain(row) for row in rows], *seen]


async def second_half(url: str, ids: list[str], turns: range) -> list[Any]:
    client = connect(url, budget_s=600.0)
    seen = await play(client, ids, turns)
    await client.aclose()
    return seen


def alter(file: Path, id: str) -> None:
    """Change what the journal says was observed after one step."""
    with sqlite3.connect(file) as db:
        numbers = [row[0] for row in db.execute("SELECT number FROM entries WHERE session = ?", (id,))]
        digest = "(SELECT digest FROM entries WHERE session != ? LIMIT 1)"
        db.execute(f"UPDATE entries SET digest = {digest} WHERE number = ?", (id, numbers[ALTERED - 1]))
    db.close()


def run(num: int) -> dict[str, Any]:
    wrong: list[str] = []
    wanted = asyncio.run(undisturbed(num))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "journal.db"
        arguments = [word for env_id in ENVS for word in ("--env", env_id)]
        with ServerProcess([*arguments, "--journal", str(file)]) as server:
            ids, seen = asyncio.run(first_half(server.url, num))
            path = f"/v1/sessions/{ids[num // 2]}/step"
            last = {"episode": 0, "turn": HALF - 1, "action": f"go {(HALF - 1) * 7 + num // 2}"}
            before = httpx.post(server.url + path, json=last, timeout=60).content
            server.kill()
            started = time.monotonic()
            server.start()
            started_s = time.monotonic() - started
            after = httpx.post(server.url + path, json=last, timeout=60).content
            began = time.monotonic()
            seen += asyncio.run(second_half(server.url, ids, range(HALF, LENGTH - 1)))
            continued_s = time.monotonic() - began
            server.kill()
            alter(file, ids[0])
            server.start()
            (ending,) = asyncio.run(second_half(server.url, ids, range(LENGTH - 1, LENGTH)))
    refused = ending[0]
    if not isinstance(refused, Problem):
        raise AssertionError(f"an altered observation was not noticed: {refused}")
    if before != after:
        wrong.append(f"a repeated step was answered {before!r} and then {after!r}")
    if seen != wanted[:-1]:
        wrong.append("the replies differ from those of the undisturbed run")
    if ending[1:] != wanted[-1][1:]:
        wrong.append("an altered session disturbed others")
    if refused.code != "replay_diverged" or refused.expected != {"episode": 0, "turn": ALTERED}:
        wrong.append(f"one observation of turn {ALTERED} was altered, and the answer was {refused}")
    return {
        "episodes": num,
        "environments": [env_id.rpartition(":")[2] for env_id in ENVS],
        "turns_before_and_after": [HALF, LENGTH - HALF],
        "seconds_to_start_again": round(started_s, 2),
        "seconds_of_the_turns_after": round(continued_s, 2),
        "altered": {"turn": ALTERED, "answer": [refused.status, refused.code, refused.expected]},
        "wrong": wrong,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    result = run(options.episodes)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-restart.json").write_text(text + "\n")
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
