"""Train the plan-execute agent over several seeds, with one advantage a turn as the control.

    python benchmarks/household/plan_execute.py --out runs/plan-execute --results benchmarks/results

The protocol is in benchmarks/results/2026-11-21-plan-execute-protocol.md and was
fixed before these runs. One warm start, cloned from a teacher and then from the
same one grown clumsy, is trained with each seed: `turnwise sweep household_hae
--seeds N,N,... --out FOLDER`. A run that was begun goes on where it stopped.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import turnwise
from turnwise import Run
from turnwise.agents.trajectories import read_trajectories, trajectory_path
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.sweep.values import parse_axes

ROOT = Path(__file__).resolve().parents[2]
RECIPE = "household_hae"
FLAT = ['credit.name="gigpo"', 'credit.mode="mean_std"', "credit.gamma=0.95", 'weights.name="turn"']
CLUMSY = {
    "slip": 0.5,  # every other turn at random, and cloned so: skill under noise
    "teach_slips": "true",
    "only_won": "false",
    "episodes": 1200,
    "max_steps": 60,
    "optimizer": "adamw",
    "learning_rate": 2e-3,
    "language": 0.3,
}
HEADS = ("v_low", "v_high", "v_term")


def warm(out: Path) -> Path:
    """Clone the policy that every seed begins with, in two stages; return its folder."""
    base, clumsy = out / "base", out / "warmstart"
    command = [sys.executable, "-m", "turnwise", "warmstart", "--recipe", RECIPE]
    if not base.exists():
        subprocess.run([*command, "--out", str(base)], check=True)
    if not clumsy.exists():
        changes = [part for key, value in CLUMSY.items() for part in ("--set", f"warmstart.{key}={value}")]
        subprocess.run([*command, "--from", str(base), *changes, "--out", str(clumsy)], check=True)
    return clumsy


def train(seeds: list[int], out: Path, settings: list[str]) -> list[Run]:
    """Train each seed in a process of its own; go on with what was begun."""
    swept = turnwise.sweep(RECIPE, out, parse_axes(settings), seeds=seeds, progress=True)
    if swept.failed:
        raise SystemExit(str(swept.failed))
    return list(swept.runs)


def interval(values: list[float]) -> str:
    """Return the mean over seeds with the lowest and the highest of them, in percent."""
    low, high = min(values), max(values)
    return f"{100 * np.mean(values):.1f} ({100 * low:.1f} to {100 * high:.1f})"


def row(agent: str, values: list[float]) -> str:
    each = ", ".join(f"{100 * value:.0f}" for value in values)
    return f"| {agent} | {interval(values)} | {each} |"


def health(run: Run) -> str:
    """Return a row about a run: its length, its critic, its plans."""
    figures, updates = run.summary(), run.rows()
    explained = [
        np.mean([entry[f"explained_variance/{head}"] for entry in updates[-5:]])
        for head in HEADS
        if f"explained_variance/{head}" in updates[-1]
    ]
    plans = [
        np.mean([sum(bool(turn.switch) for turn in trajectory.turns) for trajectory in stored])
        for stored in (
            read_trajectories(trajectory_path(run.folder, entry["update"]))
            for entry in (updates[0], updates[-1])
        )
    ]
    told = ", ".join(f"{value:.2f}" for value in explained) or "-"
    return (
        f"| {name_of(run)} | {figures['num_updates']} | {figures['train_seconds']:.0f} | "
        f"{figures['num_tokens']:,} | {updates[0]['mismatch_max']:.1e} | {told} | "
        f"{plans[0]:.1f}, {plans[1]:.1f} |"
    )


def name_of(run: Run) -> str:
    """Return what a run is called: its arm and its seed."""
    return f"{run.folder.parent.name}-{run.recipe.train.seed}"


def write(results: Path, runs: list[Run], flat: list[Run]) -> str:
    """Write the table, the picture, the logs and the recipes."""
    figures = [run.summary() for run in runs]
    before: list[float] = [figure["before"]["success_rate"] for figure in figures]
    after: list[float] = [figure["after"] for figure in figures]
    gained = [late - early for late, early in zip(after, before, strict=True)]
    rows = [row("cloned", before), row("trained with hae", after), row("gained, seed by seed", gained)]
    if flat:
        rows.append(row("control: trained with gigpo", [run.summary()["after"] for run in flat]))
    lines = [
        "# The plan-execute agent over seeds",
        "",
        f"{datetime.date.today()}, `python benchmarks/household/plan_execute.py`, protocol: "
        f"2026-11-21-plan-execute-protocol.md. {platform.machine()}, torch {torch.__version__}, one thread.",
        "",
        "Success in percent on 128 tasks in rooms never trained on; mean over seeds (lowest "
        "to highest seed).",
        "",
        "| agent | success | each seed |",
        "|---|---|---|",
        *rows,
        "",
        "| run | updates | seconds of training | tokens generated | largest first ratio - 1 | "
        "explained variance of v_low, v_high, v_term at the end | subgoals an episode, first and last |",
        "|---|---|---|---|---|---|---|",
        *(health(run) for run in (*runs, *flat)),
        "",
        "![curves](plan-execute.png)",
        "",
    ]
    arms = {"hae": runs, "gigpo": flat} if flat else {"hae": runs}
    turnwise.compare(arms).draw(results / "plan-execute.png")
    for run in (*runs, *flat):
        text = "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in read_log(run.folder))
        log = results / f"plan-execute-{name_of(run)}.log.jsonl.gz"
        log.write_bytes(gzip.compress(text.encode(), mtime=0))
    (results / "plan-execute.recipe.toml").write_text((runs[0].folder / "recipe.toml").read_text())
    page = "\n".join(lines)
    (results / "plan-execute.md").write_text(page)
    return page


def main() -> None:
    """Run everything that is missing in --out and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--control", action="store_true", help="train the same warm starts with gigpo too")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path("runs/plan-execute"))
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    given: Any = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    given.results.mkdir(parents=True, exist_ok=True)
    settings = [*given.settings, f"policy.checkpoint={warm(given.out)}"]
    runs = train(given.seeds, given.out / "seed", settings)
    flat = train(given.seeds, given.out / "flat", [*settings, *FLAT]) if given.control else []
    print(write(given.results, runs, flat))


if __name__ == "__main__":
    main()
