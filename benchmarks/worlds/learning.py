"""Train the tiny policy on shopping, search and function calling over several seeds, and on the mixture.

    python benchmarks/worlds/learning.py --out runs/worlds --results benchmarks/results

The protocol is in benchmarks/results/2026-11-29-worlds-protocol.md and was fixed
before these runs. Each replicate is one run of `turnwise sweep RECIPE --seeds N,N,... --out FOLDER`: a warm
start of its own, then reinforcement learning. A run that was begun goes on where
it stopped. The control clones on from the same warm start, on demonstrations of
other tasks, for as many seconds as the run trained.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import gzip
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

import turnwise
from turnwise import Run
from turnwise.servers.client import connect
from turnwise.trainers.policies import load_trained
from turnwise.trainers.recipe import Recipe, load
from turnwise.trainers.rollouts.mixture import choices_of
from turnwise.trainers.runs.arithmetic import prepare_torch
from turnwise.trainers.runs.held_out import evaluate_held_out
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.warmstart.warmstart import warm_start

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ("shopping_tiny", "search_tiny", "calling_tiny")
MIXTURE = "mixture"
# 600 steps of exercises are 1.38 million tokens; a step of cloning here is 9 300, 3 000 and 3 550
STEPS_WITHOUT_COPYING = {"shopping_tiny": 500, "search_tiny": 1265, "calling_tiny": 790}


def train(recipe: str, seeds: list[int], out: Path) -> list[Run]:
    """Train each seed in a process of its own; go on with what was begun."""
    swept = turnwise.sweep(recipe, out / recipe, seeds=seeds, progress=True)
    if swept.failed:
        raise SystemExit(str(swept.failed))
    return list(swept.runs)


def control(recipe: str, seed: int, run: Path, seconds: float) -> float:
    """Clone on from a run's warm start for some seconds; return success on the held-out tasks."""
    # the schedule of a second cloning begins again, so it takes smaller steps than the first
    more = [f"warmstart.seconds={seconds}", "warmstart.max_steps=100000", "warmstart.learning_rate=1e-3"]
    chosen = load(recipe, [*more, f"train.seed={seed + 100}"])
    return cloned(recipe, chosen, run.with_name(f"{run.name}-cloned"), run / "warmstart")


def without_copying(recipe: str, seed: int, out: Path) -> float:
    """Clone a new policy that never copied, on as many tokens in all; return its success."""
    steps = ["warmstart.copy_steps=0", f"warmstart.max_steps={STEPS_WITHOUT_COPYING[recipe]}"]
    chosen = load(recipe, [*steps, f"train.seed={seed}"])
    return cloned(recipe, chosen, out / f"{recipe}-{seed}-without-copying", None)


def cloned(recipe: str, chosen: Recipe, folder: Path, start: Path | None) -> float:
    """Make a policy by cloning, if it is not there; return its success on the held-out tasks."""
    if not folder.exists():
        prepare_torch(chosen.train)
        warm_start(chosen, folder, start=start)
    return evaluate(recipe, folder)["eval/success_rate"]


def evaluate(recipe: str, folder: Path) -> dict[str, float]:
    """Let a policy play the held-out tasks of a recipe."""
    chosen = load(recipe)
    trained = load_trained(folder, chosen.policy, chosen.prompt, chosen.rollout)

    async def play() -> dict[str, float]:
        client = connect("local:")
        try:
            return await evaluate_held_out(
                client, trained.policy, chosen.env, chosen.rollout, chosen.prompt, chosen.eval
            )
        finally:
            await client.aclose()
            await trained.policy.aclose()

    return asyncio.run(play())


def interval(values: list[float]) -> str:
    """Return the mean over seeds with the lowest and the highest of them, in percent."""
    low, high = min(values), max(values)
    return f"{100 * np.mean(values):.1f} ({100 * low:.1f} to {100 * high:.1f})"


def each(values: list[float]) -> str:
    return ", ".join(f"{100 * value:.0f}" for value in values)


def rows_of(recipe: str, figures: list[dict[str, Any]], others: dict[str, list[float]]) -> list[str]:
    """Return the rows of one recipe in the table of results."""
    before = [figure["before"]["success_rate"] for figure in figures]
    after = [figure["after"] for figure in figures]
    gained = [late - early for late, early in zip(after, before, strict=True)]
    rows = [
        f"| {recipe} | warm start | {interval(before)} | {each(before)} |",
        f"| | after reinforcement learning | {interval(after)} | {each(after)} |",
        f"| | gained, seed by seed | {interval(gained)} | {each(gained)} |",
    ]
    rows += [f"| | {name} | {interval(values)} | {each(values)} |" for name, values in others.items()]
    return rows


def mixture_rows(run: Run) -> list[str]:
    """Return before and after for each environment of the mixture."""
    evals = run.rows("eval")
    rows = []
    for choice in choices_of(load(MIXTURE).env):
        name = f"eval/{choice.id}"
        told = [
            f"{100 * entry[f'{name}/success_rate']:.0f} ({100 * entry[f'{name}/ci_low']:.0f} to "
            f"{100 * entry[f'{name}/ci_high']:.0f})"
            for entry in (evals[0], evals[-1])
        ]
        rows.append(f"| {choice.id} | {told[0]} | {told[1]} |")
    return rows


def keep_log(run: Path, results: Path, name: str) -> None:
    """Write a run's log and its resolved recipe beside the results."""
    text = "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in read_log(run))
    (results / f"worlds-{name}.log.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    (results / f"worlds-{name}.recipe.toml").write_text((run / "recipe.toml").read_text())


def main() -> None:
    """Run everything that is missing in --out and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4, 5])
    parser.add_argument("--mixture", action="store_true", help="train the mixture too, with the first seed")
    parser.add_argument("--control", action="store_true", help="clone on for as long as each run trained")
    parser.add_argument("--without-copying", action="store_true", help="clone without exercises too")
    parser.add_argument("--out", type=Path, default=Path("runs/worlds"))
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    given.results.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Learning on the other worlds",
        "",
        f"{datetime.date.today()}, `python benchmarks/worlds/learning.py`, protocol:"
        f" 2026-11-29-worlds-protocol.md. {platform.machine()}, torch {torch.__version__},"
        " one thread.",
        "",
        "Success in percent on held-out tasks, temperature 1; mean over seeds (lowest to"
        " highest seed). After: the mean of the last three evaluations. Shopping and search clone a clumsy"
        " teacher. What was changed after the protocol was fixed, and the shop that failed, are told at its"
        " end.",
        "",
        "| recipe | agent | success | each seed |",
        "|---|---|---|---|",
    ]
    costs = ["", "| run | updates | seconds of training | tokens generated |", "|---|---|---|---|"]
    for recipe in given.recipes:
        runs = train(recipe, given.seeds, given.out)
        figures = [run.summary() for run in runs]
        pairs = zip(given.seeds, runs, figures, strict=True)
        others: dict[str, list[float]] = {}
        if given.control:
            others["control: as long cloning instead"] = [
                control(recipe, s, run.folder, f["train_seconds"]) for s, run, f in pairs
            ]
        if given.without_copying:
            others["cloning alone, without copying, as many tokens"] = [
                without_copying(recipe, seed, given.out) for seed in given.seeds
            ]
        lines += rows_of(recipe, figures, others)
        for seed, run, figure in zip(given.seeds, runs, figures, strict=True):
            keep_log(run.folder, given.results, f"{recipe}-{seed}")
            costs.append(cost_row(f"{recipe}, seed {seed}", figure))
        turnwise.compare({f"{recipe}: GiGPO over HTTP": runs}).draw(given.results / f"worlds-{recipe}.png")
    lines += costs
    if given.mixture:
        (run,) = train(MIXTURE, given.seeds[:1], given.out)
        keep_log(run.folder, given.results, f"{MIXTURE}-{given.seeds[0]}")
        lines += ["", "## The mixture: one run, one server, one policy", ""]
        lines += ["| environment | warm start (95 % interval over tasks) | after |", "|---|---|---|"]
        lines += [*mixture_rows(run), *costs[:3], cost_row(MIXTURE, run.summary())]
    text = "\n".join(lines) + "\n"
    (given.results / "worlds-learning.md").write_text(text)
    print(text)


def cost_row(name: str, figure: dict[str, Any]) -> str:
    return f"| {name} | {figure['num_updates']} | {figure['train_seconds']:.0f} | {figure['num_tokens']:,} |"


if __name__ == "__main__":
    main()
