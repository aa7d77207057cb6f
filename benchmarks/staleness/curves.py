"""What is learned from episodes that play ahead: the runs of 2026-11-30-staleness-protocol.md.

    python benchmarks/staleness/curves.py --work FOLDER [--smallest] [--only ARM ...]

Each run is a process of its own in FOLDER/ARM-SEED and goes on where it was cut short; runs that are done are
not run again. When all are done, the table is printed, and staleness.md and staleness.png written to FOLDER.
`--smallest` shows in two minutes that it works: one seed, two arms, two updates of a few episodes.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from turnwise.errors import UsageError
from turnwise.trainers.reports.curves import pyplot, split_log
from turnwise.trainers.runs.log import read_log

SEEDS = (11, 12, 13)
LAST = 3  # evaluations whose mean is the result
UPDATES = 40  # what a longer run did after them is not read
ALL = {
    "optim.old_logprobs": "recompute",
    "train.num_updates": str(UPDATES),
    "train.max_seconds": "0",
    "eval.every": "10",
    "eval.episodes": "128",
    "eval.seed": "2",
    "log.console": "false",
}
SMALLEST = {
    "train.num_updates": "2",
    "rollout.num_groups": "3",
    "rollout.group_size": "2",
    "rollout.max_turns": "4",
    "optim.num_minibatches": "1",
    "eval.every": "1",
    "eval.episodes": "4",
}


@dataclass(frozen=True)
class Arm:
    """A setting that is compared with the others."""

    staleness: int
    correction: str = "none"

    @property
    def name(self) -> str:
        """Return what its folders are called."""
        return f"ahead{self.staleness}-{self.correction}" if self.staleness else "sync"

    @property
    def changes(self) -> dict[str, str]:
        """Return what it changes in the recipe."""
        if not self.staleness:
            return {}
        return {
            "train.mode": "async",
            "train.max_staleness": str(self.staleness),
            "loss.off_policy": self.correction,
        }


ARMS = (Arm(0), *(Arm(staleness, each) for staleness in (1, 2, 4) for each in ("none", "truncate")))


def play(arm: Arm, seed: int, work: Path, more: dict[str, str]) -> None:
    """Run an arm with a seed to its end, unless it was."""
    folder = work / f"{arm.name}-{seed}"
    done, failed = folder / "done", folder / "failed.txt"
    if done.exists() or failed.exists():
        return
    changes = {**ALL, **arm.changes, **more, "train.seed": str(seed)}
    begun = (folder / "recipe.toml").is_file()
    words = ["train", "--resume"] if begun else ["train", "demo"]
    sets = [] if begun else [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "turnwise", *words, *sets, "--out", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        done.touch()
    else:
        failed.write_text(ended.stderr[-2000:])


def read(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return updates and evaluations of a run; none where it has no log."""
    try:
        return split_log([entry for entry in read_log(folder) if entry["update"] <= UPDATES])
    except UsageError:
        return [], []


def line(arm: Arm, runs: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]], stopped: int) -> str:
    """Return an arm's row of the table."""
    rates = [[entry["eval/success_rate"] for entry in evals] for _, evals in runs if evals]
    updates = [entry for found, _ in runs for entry in found]
    if not rates or not updates:
        return f"| {arm.name} | no run | | | | | {stopped} |"
    last, area = [float(np.mean(r[-LAST:])) for r in rates], [float(np.mean(r)) for r in rates]
    behind, masked, uncut = (
        float(np.mean([entry.get(name, nothing) for entry in updates]))
        for name, nothing in (("staleness", 0.0), ("staleness/masked", 0.0), ("off_policy/uncut", 1.0))
    )
    shown = f"{np.mean(last):.1%} ({min(last):.1%} to {max(last):.1%})"
    rest = f"{np.mean(area):.1%} | {behind:.2f} | {masked:.2%} | {uncut:.3f} | {stopped}"
    return f"| {arm.name} | {shown} | {rest} |"


def draw(found: dict[Arm, list[Any]], file: Path) -> None:
    """Draw the mean curve of each arm."""
    plot = pyplot()
    figure, axis = plot.subplots(figsize=(9, 5), constrained_layout=True)
    for arm, runs in found.items():
        curves = [
            [(entry["update"], entry["eval/success_rate"]) for entry in evals] for _, evals in runs if evals
        ]
        length = min((len(curve) for curve in curves), default=0)
        if length:
            points_SE2 = np.array([curve[:length] for curve in curves], dtype=float)
            style = "--" if arm.correction == "none" and arm.staleness else "-"
            axis.plot(*points_SE2.mean(axis=0).T, style, marker="o", markersize=3, label=arm.name)
    axis.set(xlabel="update", ylabel="success on held-out tasks, mean of the seeds", ylim=(0, 1))
    axis.legend(fontsize=8)
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plot.close(figure)


def main() -> None:
    """Run what was not run, and say what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--smallest", action="store_true")
    parser.add_argument("--only", nargs="*", default=[], help="arms: " + ", ".join(arm.name for arm in ARMS))
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    arms = [arm for arm in ARMS if not asked.only or arm.name in asked.only]
    arms = [Arm(0), Arm(1, "truncate")] if asked.smallest else arms
    seeds, more = (SEEDS[:1], SMALLEST) if asked.smallest else (SEEDS, {})
    found: dict[Arm, list[Any]] = {}
    rows = []
    for arm in arms:
        folders = [asked.work / f"{arm.name}-{seed}" for seed in seeds]
        for seed in seeds:
            play(arm, seed, asked.work, more)
        found[arm] = [read(folder) for folder in folders]
        rows.append(line(arm, found[arm], sum((folder / "failed.txt").exists() for folder in folders)))
        print(rows[-1], flush=True)
    head = (
        "| arm | held-out success, mean of the last three | mean of the curve | versions behind | masked | "
    )
    head += "old/behaviour uncut | stopped |\n|---|---|---|---|---|---|---|"
    about = (
        f"{datetime.date.today()}; `{' '.join(['python', 'benchmarks/staleness/curves.py', *sys.argv[1:]])}`."
    )
    page = ("# Learning from episodes that play ahead", about, "\n".join([head, *rows]))
    (asked.work / "staleness.md").write_text("\n\n".join(page) + "\n")
    draw(found, asked.work / "staleness.png")


if __name__ == "__main__":
    main()
