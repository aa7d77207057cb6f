"""See whether training keeps what a policy has learned: five small environments, ten seeds each.

    python benchmarks/stability/run.py [--seeds 10] [--updates 120] [--only Lights ...] [--out FOLDER]

Each run is `turnwise train tiny` on an environment of small_worlds.py, for a number of updates instead of
seconds, so that it repeats itself. Best and last checkpoint are then replayed on 512 tasks that neither
training nor the choice of the best has seen. A run holds if it comes to its end, its last checkpoint is at
most 5 points below its best, and the mean success of its last 10 updates is within 2 points of the best
mean of any 10 updates. Runs that are done are not done again; the table is written to
the folder of results (stability.md) when all are.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from turnwise.trainers.runs.log import read_log

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
WORLDS = ("Lights", "Corridor", "Safe", "Shelf", "Guess")
FRESH_SEED, FRESH_TASKS = 1_500_000_000, 512  # beyond the seeds of training and of evaluations inside a run
WINDOW = 10  # updates


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to; shares from 0 to 1."""

    world: str
    seed: int
    error: str  # of the training; empty: it came to its end
    best: float  # success of the best checkpoint on fresh tasks
    last: float
    best_mean: float  # highest mean success of 10 updates in a row
    last_mean: float

    @property
    def holds(self) -> bool:
        """Tell whether the run kept what it had learned."""
        kept = self.best - self.last <= 0.05 and self.best_mean - self.last_mean <= 0.02
        return not self.error and kept


def play(world: str, seed: int, updates: int, folder: Path) -> Run:
    """Train once, and replay what came out."""
    where = folder / f"{world}-{seed}"
    command = ["train", "tiny", "--out", str(where), "--set", f"env.id={HERE}/small_worlds.py:{world}"]
    settings = [f"train.seed={seed}", f"train.num_updates={updates}", "train.max_seconds=0", "eval.every=10"]
    settings += ["server.spawn=false", "log.trajectories=none", "log.console=false"]
    done = turnwise(*command, *(word for text in settings for word in ("--set", text)))
    error = "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
    success = [entry["success_rate"] for entry in read_log(where) if entry["kind"] != "eval"]
    means = np.convolve(success, np.ones(WINDOW) / WINDOW, mode="valid")
    newest = max((where / "checkpoints").glob("update-*"))
    best, last = fresh(world, where), fresh(world, newest)
    return Run(world, seed, error, best, last, float(means.max()), float(means[-1]))


def fresh(world: str, checkpoint: Path) -> float:
    """Return the success of a checkpoint on fresh tasks; of a run's folder that of its best."""
    env = ["--env", f"{HERE}/small_worlds.py:{world}", "--agent", f"ckpt:{checkpoint}"]
    done = turnwise("eval", *env, "--episodes", str(FRESH_TASKS), "--seed", str(FRESH_SEED), "--json")
    done.check_returncode()
    return float(json.loads(done.stdout)["success_rate"])


def turnwise(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of turnwise on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "turnwise", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def table(runs: list[Run], updates: int) -> str:
    """Return the result as Markdown."""
    lines = [
        "# Training keeps what it has learned",
        "",
        f"{datetime.date.today()}, `python benchmarks/stability/run.py`: {updates} updates each,"
        f" best and last checkpoint on {FRESH_TASKS} fresh tasks. The script says what a run is held to.",
        "",
        "| environment | seed | best | last | best 10 updates | last 10 updates | holds |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        figures = (run.best, run.last, run.best_mean, run.last_mean)
        shown = " | ".join(f"{100 * figure:.1f}" for figure in figures)
        lines.append(f"| {run.world} | {run.seed} | {shown} | {'yes' if run.holds else run.error or 'no'} |")
    held = sum(run.holds for run in runs)
    return "\n".join([*lines, "", f"{held} of {len(runs)} runs hold.", ""])


def main() -> None:
    """Run what is missing, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--updates", type=int, default=120)
    parser.add_argument("--only", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument("--out", type=Path, default=Path("runs/stability"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    runs = []
    for seed in range(given.seeds):
        for world in given.only:
            file = given.out / f"{world}-{seed}.json"
            if not file.exists():
                file.write_text(json.dumps(asdict(play(world, seed, given.updates, given.out))))
            runs.append(Run(**json.loads(file.read_text())))
            print(f"{world} {seed}: {'holds' if runs[-1].holds else runs[-1].error or 'falls'}", flush=True)
    runs.sort(key=lambda run: (WORLDS.index(run.world), run.seed))
    text = table(runs, given.updates)
    print(text)
    if len(runs) == len(WORLDS) * 10:
        (RESULTS / "stability.md").write_text(text)


if __name__ == "__main__":
    main()
