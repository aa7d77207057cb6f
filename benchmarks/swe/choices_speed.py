"""Steps a second of swe/choices-v0 with a clumsy player, beside what its boxes take for the same work alone.

    python benchmarks/swe/choices_speed.py [--episodes 40] [--results benchmarks/results]

The first pass makes every result of tests and grades; the second plays the same episodes again, so that its
results are remembered, but for one in a hundred, as training does after a while. The boxes alone: as many
forks, writes, comparisons and ends as the second pass had, each at its median, measured right after it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np

from turnwise.envs.sandbox import Sandbox
from turnwise.envs.sandbox.loop import call
from turnwise.envs.swe.choices.environment import ChoicesEnv, workshop
from turnwise.envs.swe.choices.teacher import Tinkerer

ROOT = Path(__file__).resolve().parents[2]


def play(env: ChoicesEnv, seeds: range) -> tuple[Counter[str], float]:
    """Play episodes; return how often each thing was done, and the seconds it took."""
    done: Counter[str] = Counter()
    began = time.perf_counter()
    for seed in seeds:
        observation, info = env.reset(seed=seed)
        player, over = Tinkerer("", np.random.default_rng(seed)), False
        while not over:
            action = player.act(observation, info["admissible"])
            observation, _, ended, cut_off, info = env.step(action)
            over = ended or cut_off
            done[action.split()[0]] += 1
    return done, time.perf_counter() - began


def alone(box: Sandbox, start: str, rounds: int) -> dict[str, float]:
    """Return the median seconds of each thing that boxes do."""
    spent: dict[str, list[float]] = {"fork": [], "write": [], "changes": [], "end": []}

    def timed(name: str, work: Callable[..., Coroutine[Any, Any, Any]], *given: object) -> Any:
        began = time.perf_counter()
        result = call(work(*given))
        spent[name].append(time.perf_counter() - began)
        return result

    for _ in range(rounds):
        (other,) = timed("fork", box.fork, 1)
        timed("write", other.write, "speed.py", b"x = 1\n")
        timed("changes", other.changes, start)
        timed("end", other.aclose)
    return {name: float(np.median(values)) for name, values in spent.items()}


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--family", default="lru_cache")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    given = parser.parse_args()
    env = ChoicesEnv(family=given.family)
    try:
        first, first_s = play(env, range(given.episodes))
        memory = call(workshop("auto")).memory
        made = memory.made
        second, second_s = play(env, range(given.episodes))
        bug = env._current.bug
        medians = alone(bug.box, bug.start, 40)
    finally:
        env.close()
    counts = {"fork": given.episodes, "write": second["apply"] + second["undo"], "changes": second["submit"]}
    bare_s = sum(medians[name] * number for name, number in {**counts, "end": given.episodes}.items())
    steps = [sum(done.values()) for done in (first, second)]
    lines = [
        "# Speed of bugs by choice",
        "",
        f"`python benchmarks/swe/choices_speed.py`, {given.episodes} episodes of the bugs of {given.family},"
        f" one environment, one step at a time; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.",
        "",
        "| pass | steps | steps a second | results made |",
        "|---|---|---|---|",
        f"| first: results are made | {steps[0]} | {steps[0] / first_s:.0f} | {made} |",
        f"| second: results are remembered | {steps[1]} | {steps[1] / second_s:.0f} | {memory.made - made} |",
        "",
        f"The boxes alone took {bare_s:.2f} s for the work of the second pass, which took {second_s:.2f} s"
        f" ({second_s / bare_s:.2f} times). Medians in ms: "
        + ", ".join(f"{name} {1000 * value:.1f}" for name, value in medians.items())
        + ".",
    ]
    text = "\n".join(lines) + "\n"
    (given.results / "swe-choices-speed.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
