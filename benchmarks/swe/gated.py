"""Train the tiny policy on swe/choices-v0 with gated, direct and outcome rewards over several seeds.

    python benchmarks/swe/gated.py --out runs/gated --results benchmarks/results [--seeds 0 1 2 3 4]

The protocol is in benchmarks/results/2026-11-29-gated-protocol.md and was fixed before these runs. The three
arms of a seed begin with one warm start and meet the same tasks. Seeds come one after another, so that
what is there at any time is a whole comparison; a run that was begun goes on where it stopped. All
run in this process, where results of tests are remembered by content.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from turnwise.agents.trajectories import read_trajectories, trajectory_path
from turnwise.trainers import rewards
from turnwise.trainers.credit import TurnTable
from turnwise.trainers.recipe import load
from turnwise.trainers.reports.curves import pyplot
from turnwise.trainers.runs.arithmetic import prepare_torch
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train
from turnwise.trainers.warmstart.warmstart import warm_start

ROOT = Path(__file__).resolve().parents[2]
ARMS = {"gated": "swe_choices", "direct": "swe_choices_direct", "outcome": "swe_choices_outcome"}
COLOURS = {"gated": "#3a9a5c", "direct": "#d9822b", "outcome": "#2a6fbb"}
HELD_OUT = "env.eval_kwargs={split = 'train'}"  # other seeds: other wrong edits in another order
RATES = ("completion", "modification", "resolution")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to.

    Attributes:
        evals: update -> rate -> share of held-out tasks.
        shaped: mean return of each update as the arm's own transform pays it.
        sides: rate -> its mean in each update's training episodes, and "turns".
        seconds: of updates, by the clock.
    """

    arm: str
    seed: int
    evals: Mapping[int, Mapping[str, float]]
    shaped: Sequence[float]
    sides: Mapping[str, Sequence[float]]
    seconds: float

    def last(self, rate: str) -> float:
        """Return the mean of the last three evaluations."""
        return float(np.mean([self.evals[update][rate] for update in sorted(self.evals)[-3:]]))


def play(arm: str, seed: int, out: Path, updates: int) -> Path:
    """Train one run to its end; the warm start of a seed is shared by its arms."""
    changes = [f"train.seed={seed}", f"train.num_updates={updates}", "log.console=false", HELD_OUT]
    start = out / f"warm-{seed}"
    if not start.is_dir():
        recipe = load(ARMS["gated"], changes)
        prepare_torch(recipe.train)
        warm_start(recipe, start)
    run = out / f"{arm}-{seed}"
    recipe = load(ARMS[arm], [*changes, f"policy.checkpoint={start}"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    train(recipe, run, resume=run.exists())
    spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    (run / "cpu.json").write_text(json.dumps({"user_seconds_of_the_last_start": spent}))
    return run


def read(arm: str, seed: int, run: Path) -> Run:
    """Read the log and the trajectories of a run that has ended."""
    entries = read_log(run)
    updates = [entry for entry in entries if entry["kind"] == "update"]
    evals = {
        entry["update"]: {rate: entry[f"eval/metrics/{rate}"] for rate in RATES}
        for entry in entries
        if entry["kind"] == "eval"
    }
    sides = {rate: [entry[f"metrics/{rate}"] for entry in updates] for rate in RATES}
    sides["turns"] = [entry["turns/mean"] for entry in updates]
    shaped = [shaped_return(arm, run, entry["update"]) for entry in updates]
    return Run(arm, seed, evals, shaped, sides, sum(entry["step_time"] for entry in updates))


def shaped_return(arm: str, run: Path, update: int) -> float:
    """Return the mean episode return of an update after the transform of an arm's recipe."""
    counting = [each for each in read_trajectories(trajectory_path(run, update)) if each.counts]
    table = TurnTable.from_trajectories(counting)
    for part in load(ARMS[arm]).reward.transforms:
        table = rewards.bind(part)(table)
    return float(table.episode_return[table.is_last].mean())


def interval(values: Sequence[float], scale: float = 100.0) -> str:
    """Return mean and 95 % bootstrap interval over seeds; of a single one the value alone."""
    if len(values) == 1:
        return f"{scale * values[0]:.1f}"
    low, high = bounds(values)
    return f"{scale * float(np.mean(values)):.1f} ({scale * low:.1f} to {scale * high:.1f})"


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of the mean over seeds."""
    means = np.random.default_rng(0).choice(np.asarray(values), (10_000, len(values))).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def table(runs: Sequence[Run], seeds: Sequence[int]) -> list[str]:
    """Return the results as lines of Markdown."""
    lines = ["| rewards | completion | modification | resolution | turns | shaped return, first to last |"]
    lines.append("|---|---|---|---|---|---|")
    starts = [run for run in runs if run.arm == "gated"]
    told = [interval([run.evals[0][rate] for run in starts]) for rate in RATES]
    lines.append(f"| warm start | {' | '.join(told)} | | |")
    for arm in ARMS:
        mine = [run for run in runs if run.arm == arm]
        told = [interval([run.last(rate) for run in mine]) for rate in RATES]
        turns = interval([float(np.mean(run.sides["turns"][-5:])) for run in mine], 1.0)
        first, last = (
            [float(np.mean(run.shaped[part])) for run in mine] for part in (slice(5), slice(-5, None))
        )
        lines.append(
            f"| {arm}, seeds: {len(mine)} | {' | '.join(told)} | {turns}"
            f" | {np.mean(first):.2f} to {interval(last, 1.0)} |"
        )
    lines += ["", "Differences in points, over the seeds that both have:", ""]
    lines += ["| rewards | seeds | completion | resolution |", "|---|---|---|---|"]
    by = {(run.arm, run.seed): run for run in runs}
    for arm, other in (("gated", "outcome"), ("direct", "outcome"), ("direct", "gated")):
        both = [seed for seed in seeds if (arm, seed) in by and (other, seed) in by]
        gains = [
            interval([by[arm, seed].last(rate) - by[other, seed].last(rate) for seed in both])
            for rate in ("completion", "resolution")
        ]
        lines.append(f"| {arm} against {other} | {both} | {' | '.join(gains)} |")
    lines += ["", "| run | updates | completion | resolution | seconds of updates |", "|---|---|---|---|---|"]
    for run in runs:
        rates = " | ".join(f"{100 * run.last(rate):.1f}" for rate in ("completion", "resolution"))
        lines.append(f"| {run.arm}, seed {run.seed} | {len(run.shaped)} | {rates} | {run.seconds:.0f} |")
    return lines


def draw(runs: Sequence[Run], path: Path) -> None:
    """Draw what training episodes came to over updates, with bands over seeds."""
    plot = pyplot()
    figure, axes = plot.subplots(1, 3, figsize=(13, 4), constrained_layout=True)
    names = ("completion in %", "resolution in %", "shaped return")
    for axis, name in zip(axes, names, strict=True):
        for arm, colour in COLOURS.items():
            rate = name.split()[0]
            rows = [
                np.asarray(run.shaped) if name == "shaped return" else 100 * np.asarray(run.sides[rate])
                for run in runs
                if run.arm == arm
            ]
            curves = smooth(np.stack([row[: min(map(len, rows))] for row in rows]))
            bands = [bounds(column) for column in curves.T]
            axis.plot(curves.mean(0), color=colour, label=arm)
            axis.fill_between(
                range(curves.shape[1]), *zip(*bands, strict=True), color=colour, alpha=0.15, linewidth=0
            )
        axis.set(xlabel="updates", title=name)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=110)
    plot.close(figure)


def smooth(rows: np.ndarray, width: int = 3) -> np.ndarray:
    """Return running means over a few updates."""
    return np.stack([np.convolve(row, np.ones(width) / width, "valid") for row in rows])


def keep_log(run: Path, results: Path) -> None:
    """Write a run's log and its resolved recipe beside the results."""
    text = "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in read_log(run))
    (results / f"gated-{run.name}.log.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    (results / f"gated-{run.name}.recipe.toml").write_text(
        (run / "recipe.toml").read_text().replace(str(run.parent), "runs/gated")
    )


def done(run: Path, updates: int) -> bool:
    """Tell whether a run has come to its end."""
    entries: list[dict[str, Any]] = read_log(run) if (run / "log.jsonl").exists() else []
    return any(entry["kind"] == "eval" and entry["update"] == updates for entry in entries)


def main() -> None:
    """Run what is missing, and write the results of the runs that are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--updates", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("runs/gated"))
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--only-report", action="store_true", help="train nothing")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    for seed in () if given.only_report else given.seeds:
        for arm in ARMS:
            if not done(given.out / f"{arm}-{seed}", given.updates):
                began = time.perf_counter()
                play(arm, seed, given.out, given.updates)
                print(f"{arm} {seed}: {time.perf_counter() - began:.0f} s", flush=True)
    runs = [
        read(arm, seed, given.out / f"{arm}-{seed}")
        for seed in given.seeds
        for arm in ARMS
        if done(given.out / f"{arm}-{seed}", given.updates)
    ]
    if {run.arm for run in runs} != set(ARMS):
        raise SystemExit("no seed is whole yet")
    lines = [
        "# Gated, direct and outcome rewards on bugs by choice",
        "",
        f"`python benchmarks/swe/gated.py`, protocol: 2026-11-29-gated-protocol.md. {len(runs)} of the 15"
        f" runs planned are done. torch {torch.__version__}, one thread.",
        "",
        "Shares in percent of held-out tasks (other wrong edits of the bugs of training, in another order),"
        " the mean of the last three evaluations; mean over seeds, with a 95 % bootstrap interval over seeds"
        " where there are several."
        " Turns and shaped return: training episodes of the last five updates; a shaped return is the sum of"
        " the arm's own rewards, so arms differ in its scale.",
        "",
        *table(runs, given.seeds),
    ]
    for run in runs:
        keep_log(given.out / f"{run.arm}-{run.seed}", given.results)
    draw(runs, given.results / "gated.png")
    text = "\n".join(lines) + "\n"
    (given.results / "gated.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
