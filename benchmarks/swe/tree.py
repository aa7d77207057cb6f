"""GiGPO on a tree of forks in swe/choices-v0, beside independent rollouts at equal steps; forks a second.

    python benchmarks/swe/tree.py --out runs/tree --results benchmarks/results [--seeds 0] [--updates 10]

Both begin with one warm start and meet the same tasks. A turn that branches share is played once, so a tree
plays fewer turns an update; success is compared at the number of turns that both have played, on other draws
of wrong edits of the same bugs. Forks of the environment are timed beside forks of its box alone, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from turnwise.agents.trajectories import read_trajectories, trajectory_path
from turnwise.agents.types import Trajectory, Turn
from turnwise.envs.sandbox.loop import call
from turnwise.envs.swe.choices.environment import ChoicesEnv
from turnwise.trainers.recipe import load
from turnwise.trainers.runs.arithmetic import prepare_torch
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train
from turnwise.trainers.warmstart.warmstart import warm_start

ROOT = Path(__file__).resolve().parents[2]
PLANS = ("tree", "independent")
RECIPE = "swe_choices_tree"
FAMILY = "lru_cache"
BUGS = [f"env.{which}_kwargs={{split = 'train', family = '{FAMILY}'}}" for which in ("train", "eval")]


def forks(rounds: int = 100) -> dict[str, float]:
    """Return median milliseconds of a fork, of the environment and of its box alone, each also with a write.

    A fork copies nothing; the first use of it makes its mount, so it is timed with one too.
    """
    env = ChoicesEnv(family=FAMILY)
    spent: dict[str, list[float]] = {"environment": [], "environment used": [], "box": [], "box used": []}
    try:
        env.reset(seed=0)
        env.step("apply 1")
        box = env._current.box
        for _ in range(rounds):
            began = time.perf_counter()
            twin = env.clone()
            spent["environment"].append(time.perf_counter() - began)
            twin.step("undo")
            spent["environment used"].append(time.perf_counter() - began)
            twin.close()
            began = time.perf_counter()
            (other,) = call(box.fork(1))
            spent["box"].append(time.perf_counter() - began)
            call(other.write("used.py", b"x = 1\n"))
            spent["box used"].append(time.perf_counter() - began)
            call(other.aclose())
    finally:
        env.close()
    return {name: 1000 * float(np.median(values)) for name, values in spent.items()}


def told_of(timed: dict[str, float]) -> str:
    """Return in words what forks take."""
    env, box, env_used, box_used = (
        timed[name] for name in ("environment", "box", "environment used", "box used")
    )
    return (
        f"A fork of the environment takes {env:.1f} ms, of its box alone {box:.1f} ms; with the first use of"
        f" it, an edit taken back, {env_used:.1f} ms, of the box with a write {box_used:.1f} ms:"
        f" {1000 / env_used:.0f} forks in use a second, one after another (medians of 100, in turns; load"
        f" {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores)."
    )


def play(plan: str, seed: int, out: Path, updates: int) -> Path:
    """Train one run to its end; go on with one that was begun."""
    changes = [f"train.seed={seed}", f"train.num_updates={updates}", "log.console=false", *BUGS]
    start, run = out / f"warm-{seed}", out / f"{plan}-{seed}"
    if not start.is_dir():
        recipe = load(RECIPE, changes)
        prepare_torch(recipe.train)
        warm_start(recipe, start)
    if plan != "tree":
        changes.append(f"plan.name={plan}")
    train(load(RECIPE, [*changes, f"policy.checkpoint={start}"]), run, resume=run.exists())
    return run


def curve(run: Path) -> list[tuple[float, float, float]]:
    """Return (turns played, resolution, completion) at each evaluation."""
    turns, points = 0.0, []
    for entry in read_log(run):
        if entry["kind"] == "eval":
            points.append((turns, entry["eval/metrics/resolution"], entry["eval/metrics/completion"]))
        elif entry["kind"] == "update":
            turns += entry["rollout/turns"]
    return points


def at(points: Sequence[tuple[float, float, float]], turns: float) -> float:
    """Return the resolution at a number of turns, between the evaluations beside it."""
    return float(np.interp(turns, [point[0] for point in points], [point[1] for point in points]))


def shared(run: Path, updates: int) -> dict[str, float]:
    """Return the share of turns in groups of two or more, for each way to key a state."""
    keys: dict[str, Callable[[Turn], str | None]] = {
        "files and results": lambda turn: turn.state_key,
        "files": lambda turn: turn.state_key.partition(" ")[0],
        "observation": lambda turn: turn.observation,
    }
    found = {}
    for name, key in keys.items():
        sizes = [size for number in range(1, updates + 1) for size in _sizes(run, number, key)]
        found[name] = sum(size for size in sizes if size > 1) / sum(sizes)
    return found


def _sizes(run: Path, update: int, key: Callable[[Turn], str | None]) -> list[int]:
    counted: Counter[tuple[str, str | None]] = Counter()
    seen: set[int] = set()
    for trajectory in read_trajectories(trajectory_path(run, update)):
        for turn in _own(trajectory):
            if id(turn) not in seen:
                seen.add(id(turn))
                counted[trajectory.group, key(turn)] += 1
    return list(counted.values())


def _own(trajectory: Trajectory) -> Sequence[Turn]:
    """Return the turns that a trajectory played itself; those before its branch are its parent's."""
    return trajectory.turns[trajectory.branch_turn or 0 :]


def main() -> None:
    """Run what is missing and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/tree"))
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    timed = forks()
    lines = [
        "# GiGPO on a tree of forks, on bugs by choice",
        "",
        f"`python benchmarks/swe/tree.py`, seeds {given.seeds}, {given.updates} updates, bugs of {FAMILY},"
        f" recipe `{RECIPE}`; torch {torch.__version__}, one thread.",
        "",
        "Resolved are shares of other draws of wrong edits of the bugs that were trained on (split train,"
        f" family {FAMILY}), not of bugs held out: split `seen` has one of this package, and three in all.",
        "",
        told_of(timed),
        "",
        "| seed | turns of both | tree: resolved | independent: resolved | turns an update, of each |",
        "|---|---|---|---|---|",
    ]
    groups: dict[str, list[dict[str, float]]] = {plan: [] for plan in PLANS}
    for seed in given.seeds:
        runs = {plan: play(plan, seed, given.out, given.updates) for plan in PLANS}
        curves = {plan: curve(run) for plan, run in runs.items()}
        both = min(points[-1][0] for points in curves.values())
        resolved = [f"{100 * at(curves[plan], both):.1f} %" for plan in PLANS]
        played = " and ".join(f"{curves[plan][-1][0] / given.updates:.0f}" for plan in PLANS)
        lines.append(f"| {seed} | {both:.0f} | {' | '.join(resolved)} | {played} |")
        for plan in PLANS:
            groups[plan].append(shared(runs[plan], given.updates))
    lines += ["", "Share of turns that another turn of the group shares its key with:", ""]
    lines += ["| key of a state | tree | independent |", "|---|---|---|"]
    for name in groups["tree"][0]:
        told = [f"{100 * float(np.mean([one[name] for one in groups[plan]])):.0f} %" for plan in PLANS]
        lines.append(f"| {name} | {' | '.join(told)} |")
    text = "\n".join(lines) + "\n"
    (given.results / "swe-tree.md").write_text(text)
    (given.out / "forks.json").write_text(json.dumps(timed))
    print(text)


if __name__ == "__main__":
    main()
