"""Run the demo's training over several seeds, with more cloning as the control.

    python benchmarks/demo/learning.py --out runs/learning --results benchmarks/results

The protocol is in benchmarks/results/2026-11-29-demo-protocol.md and was fixed
before these runs. Each seed is one `turnwise train demo --seed N`, ended after a number of updates
instead of seconds, so that a slow or busy machine makes the same run. Its control
takes the same warm start and spends as many seconds of processor time on cloning
the teacher as the run spent on training. Every agent plays the same 128 unseen
tasks, on which nothing was chosen; at the end each plays the tasks of the split `test`, once.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import gzip
import json
import platform
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

import turnwise
from turnwise import Run
from turnwise.servers.client import connect
from turnwise.trainers.policies import load_trained
from turnwise.trainers.recipe import load
from turnwise.trainers.runs.held_out import evaluate_held_out
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import prepare_torch
from turnwise.trainers.warmstart.warmstart import warm_start

ROOT = Path(__file__).resolve().parents[2]
WARM = ROOT / "trainers" / "warmstarts" / "demo"


def evaluate(folder: Path, split: str) -> dict[str, float]:
    """Let a policy play the 128 held-out tasks of a split."""
    recipe = load("demo", ['env.eval_kwargs={split="' + split + '"}'])
    trained = load_trained(folder, recipe.policy, recipe.prompt, recipe.rollout)

    async def play() -> dict[str, float]:
        client = connect("local:")
        try:
            return await evaluate_held_out(
                client, trained.policy, recipe.env, recipe.rollout, recipe.prompt, recipe.eval
            )
        finally:
            await client.aclose()
            await trained.policy.aclose()

    return asyncio.run(play())


def train(seeds: list[int], updates: int, out: Path) -> list[Run]:
    """Run the demo's training, each seed in a process of its own; go on with what was begun."""
    limits = {"train.max_seconds": [0.0], "train.num_updates": [updates]}
    swept = turnwise.sweep("demo", out, limits, seeds=seeds, progress=True)
    if swept.failed:
        raise SystemExit(str(swept.failed))
    return list(swept.runs)


def control(seconds: float, seed: int, out: Path) -> Path:
    """Clone for as long as the run trained, from the same warm start."""
    folder = out / f"control-{seed}"
    if not folder.exists():
        more = ["warmstart.max_steps=100000", f"warmstart.seconds={seconds}", f"train.seed={seed + 100}"]
        recipe = load("demo", [*more, "warmstart.episodes=6000"])  # more than the seconds take
        prepare_torch(recipe.train)
        warm_start(recipe, folder, start=WARM)
    return folder


def interval(values: list[float]) -> str:
    """Return the mean over seeds with the lowest and the highest of them, in percent."""
    low, high = min(values), max(values)
    return f"{100 * np.mean(values):.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def row(name: str, unseen: list[float], test: list[float]) -> str:
    each = ", ".join(f"{100 * value:.1f}" for value in unseen)
    return f"| {name} | {interval(unseen)} | {each} | {interval(test)} |"


def main() -> None:
    """Run everything that is missing in --out and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4, 5])
    parser.add_argument("--updates", type=int, default=55, help="five minutes on a quiet machine of 2026")
    parser.add_argument("--out", type=Path, default=Path("runs/learning"))
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--no-control", action="store_true")
    parser.add_argument(
        "--at-once", type=int, default=1, help="controls at a time; each needs a core of its own"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = train(arguments.seeds, arguments.updates, arguments.out)
    figures = [run.summary() for run in runs]
    controls = []
    if not arguments.no_control:
        spent = [figure["train_seconds"] for figure in figures]
        with ProcessPoolExecutor(arguments.at_once, mp_context=get_context("spawn")) as pool:
            controls = list(pool.map(partial(control, out=arguments.out), spent, arguments.seeds))
    write(arguments.results, arguments.seeds, runs, figures, controls)


def write(
    results: Path,
    seeds: list[int],
    runs: list[Run],
    figures: list[dict[str, Any]],
    controls: list[Path],
) -> None:
    """Write the table, the picture and the logs."""
    today = datetime.date.today().isoformat()
    start = evaluate(WARM, "test")["eval/success_rate"]
    last = [max((run.folder / "checkpoints").glob("update-*")) / "policy" for run in runs]
    rows = [
        row("warm start", [figure["before"]["success_rate"] for figure in figures], [start] * len(seeds)),
        row(
            "after reinforcement learning (unseen: mean of the last three evaluations; "
            "test: last checkpoint)",
            [figure["after"] for figure in figures],
            [evaluate(folder, "test")["eval/success_rate"] for folder in last],
        ),
    ]
    if controls:
        unseen, test = (
            [evaluate(folder, split)["eval/success_rate"] for folder in controls]
            for split in ("unseen", "test")
        )
        rows.append(row("control: as much processor time of cloning the teacher", unseen, test))
    lines = [
        "# The demo over seeds",
        "",
        f"{today}, `python benchmarks/demo/learning.py`, protocol: 2026-11-29-demo-protocol.md. "
        f"{platform.machine()}, torch {torch.__version__}, one thread.",
        "",
        "Success on 128 tasks in rooms never trained on, admissible decoding, temperature 1; mean over seeds "
        "(lowest to highest seed).",
        "",
        "| agent | unseen | each seed | test |",
        "|---|---|---|---|",
        *rows,
        "",
        "| seed | updates | seconds of training | tokens generated | area under the curve |",
        "|---|---|---|---|---|",
        *(
            f"| {seed} | {f['num_updates']} | {f['train_seconds']:.0f} | {f['num_tokens']:,} | "
            f"{100 * f['area']:.1f} % |"
            for seed, f in zip(seeds, figures, strict=True)
        ),
        "",
        "![curves](demo-learning.png)",
        "",
    ]
    results.mkdir(parents=True, exist_ok=True)
    (results / "demo-learning.md").write_text("\n".join(lines))
    turnwise.compare({"turnwise demo: GiGPO over HTTP": runs}).draw(results / "demo-learning.png")
    for seed, run in zip(seeds, runs, strict=True):
        text = "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in read_log(run.folder))
        log = results / f"demo-seed-{seed}.log.jsonl.gz"
        log.write_bytes(gzip.compress(text.encode(), mtime=0))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
