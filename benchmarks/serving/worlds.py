"""Step a thousand sessions of four worlds through one server, and hold every reply to the local one.

    python benchmarks/serving/worlds.py [--sessions 1000] [--out benchmarks/results]

Household, shopping, search and function calling, as many sessions of each, follow
their experts. Each episode is first played in this process; then one server plays
all of them at once over HTTP, one batch of steps a turn. Every observation,
reward, end and info must be the same; the exit status is 1 if one is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import turnwise
from turnwise.servers.client import ServerProcess, connect
from turnwise.servers.protocol.types import CreateItem, Problem, Reply, StepItem

WORLDS: dict[str, dict[str, Any]] = {
    "household/mix-v0": {},
    "shopping/generated-v0": {"difficulty": "mix"},
    "search/generated-v1": {},
    "calling/office-v1": {},
}


@dataclass(frozen=True)
class Episode:
    """One episode as it was played here: each reply, and the action that followed it."""

    world: str
    replies: list[str]
    actions: list[str]
    won: bool


def told(observation: str, reward: float, terminated: bool, truncated: bool, info: dict[str, Any]) -> str:
    """Write a reply down, without what only an expert is told."""
    shown = {key: value for key, value in info.items() if key != "private"}
    return json.dumps([observation, reward, terminated, truncated, shown], sort_keys=True)


def play(world: str, seed: int) -> Episode:
    """Follow the expert here."""
    env = turnwise.make(world, **WORLDS[world])
    observation, info = env.reset(seed=seed, options={"expert": True})
    replies, actions, done = [told(observation, 0.0, False, False, info)], [], False
    while not done:
        actions.append(info["private"]["expert"])
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        replies.append(told(observation, reward, terminated, truncated, info))
        done = terminated or truncated
    return Episode(world, replies, actions, bool(info["won"]))


def answered(answer: Reply | Problem) -> Reply:
    assert isinstance(answer, Reply), answer
    return answer


def written(reply: Reply) -> str:
    return told(reply.observation, reply.reward, reply.terminated, reply.truncated, reply.info)


async def serve(url: str, episodes: list[Episode], each: int) -> dict[str, Any]:
    """Play the episodes at once on a server; return times and what differed."""
    client = connect(url)
    started = time.perf_counter()
    items = [CreateItem(world, kwargs, 0, count=each) for world, kwargs in WORLDS.items()]
    live = [answered(answer) for answer in await client.create(items, request_id="worlds")]
    created_s = time.perf_counter() - started
    assert len(live) == len(episodes)
    found = [[written(reply)] for reply in live]
    rows, steps, most = list(range(len(live))), 0, 0.0
    started = time.perf_counter()
    while rows:
        batch = [
            StepItem(live[row].id, 0, live[row].turn, episodes[row].actions[live[row].turn]) for row in rows
        ]
        sent = time.perf_counter()
        for row, answer in zip(rows, await client.step(batch), strict=True):
            live[row] = answered(answer)
            found[row].append(written(live[row]))
        most = max(most, time.perf_counter() - sent)
        steps += len(rows)
        rows = [row for row in rows if not live[row].done]
    stepped_s = time.perf_counter() - started
    await client.close([reply.id for reply in live])
    await client.aclose()
    differing = sum(mine != episode.replies for mine, episode in zip(found, episodes, strict=True))
    replies = sum(len(episode.replies) for episode in episodes)
    return {
        "sessions": len(episodes),
        "replies_compared": replies,
        "episodes_that_differ": differing,
        "create_s": round(created_s, 2),
        "steps": steps,
        "step_s": round(stepped_s, 2),
        "steps_per_s": round(steps / stepped_s),
        "longest_batch_s": round(most, 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1_000, help="of all worlds together")
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    each = options.sessions // len(WORLDS)
    episodes = [play(world, seed) for world in WORLDS for seed in range(each)]
    with ServerProcess([]) as server:
        process = psutil.Process(server.pid)
        result = asyncio.run(serve(server.url, episodes, each))
        used = process.cpu_times()
        result["server_cpu_s"] = round(used.user + used.system, 2)
        result["server_mb"] = round(process.memory_info().rss / 1e6)
    result["won"] = {
        world: sum(episode.won for episode in episodes if episode.world == world) for world in WORLDS
    }
    result["sessions_of_each"] = each
    result["client_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    result["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-worlds.json").write_text(text + "\n")
    return 1 if result["episodes_that_differ"] else 0


if __name__ == "__main__":
    sys.exit(main())
