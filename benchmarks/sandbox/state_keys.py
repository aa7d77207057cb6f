"""How many turns have a companion under each key of a state, in groups of an expert and random players.

A turn counts if another turn of its group (the same task) was taken in a state of the same key:
these are the turns that credit by state can compare.

    python benchmarks/sandbox/state_keys.py --tasks 12 --random 5
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any

import numpy as np

import turnwise

KEYS = ("tree", "observation", "signature")


def episode(env: Any, seed: int, member: int, max_turns: int) -> list[dict[str, str]]:
    """Play the expert as member 0, else at random; return the keys of the states before each action."""
    chance = np.random.default_rng([seed, member])
    observation, info = env.reset(seed=seed, options={"expert": member == 0})
    rows = []
    for _ in range(max_turns):
        rows.append(dict(zip(KEYS, (info["state_hash"], observation, info["state_key"]), strict=True)))
        actions = [one for one in info["suggestions"] if one != "submit" or len(rows) > max_turns // 2]
        action = info["private"]["expert"] if member == 0 else actions[int(chance.integers(len(actions)))]
        observation, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            break
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--random", type=int, default=5)
    parser.add_argument("--max-turns", type=int, default=10)
    given = parser.parse_args()
    shared, turns = Counter[str](), 0
    with turnwise.make("swe/tasks-v0", split="all", state_key="signature", max_turns=given.max_turns) as env:
        num = len(env.text_env.tasks.tasks)
        for number in range(given.tasks):
            seed = number * num // given.tasks
            members = range(given.random + 1)
            rows = [row for member in members for row in episode(env, seed, member, given.max_turns)]
            turns += len(rows)
            for key in KEYS:
                counts = Counter(row[key] for row in rows)
                shared[key] += sum(counts[row[key]] > 1 for row in rows)
    shares = {key: round(shared[key] / turns, 3) for key in KEYS}
    print(json.dumps({"tasks": given.tasks, "turns": turns, "shares": shares}))


if __name__ == "__main__":
    main()
