"""Hold every credit estimator against the true advantage of each turn.

A policy of known log-probabilities plays groups of household episodes. From every
state that it visits it is rolled out again and again; Q - V of each turn is then
known up to a small error, and every estimator's advantages are compared with it.
docs/credit-truth.md defines what is measured and how errors are kept out.

    OMP_NUM_THREADS=1 python benchmarks/credit_truth/run.py [--rollouts 32] [--workers 2] [--out FOLDER]

With --keep each finished cell is stored and not made again, and so is the truth of its
turns, which is most of the work and which no estimator changes: --truths makes nothing
else. With --most N a call makes no more than N cells and shows what is finished, so that
the table can be made in parts.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from cell import ENVIRONMENT, Cell, Measured, Result, roll_out, run_cell
from kept import load, load_truth, save, save_truth
from tables import as_json, as_markdown, picture

import turnwise
from turnwise.trainers.reports.truth.measures import CLEAR

RESULTS = Path(__file__).resolve().parents[1] / "results"
DIFFICULTIES = {"small": 20, "medium": 25}  # with the turns of an episode
STRENGTHS = (0.3, 0.4, 0.55)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rollouts", type=int, default=32, help="from each state; an even number")
    parser.add_argument("--tasks", type=int, default=16, help="prompt groups of each cell")
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--resamples", type=int, default=400, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--keep", type=Path, help="folder of finished cells")
    parser.add_argument(
        "--most", type=int, default=len(STRENGTHS) * len(DIFFICULTIES), help="cells to make now"
    )
    parser.add_argument("--truths", action="store_true", help="roll out into the folder of --keep, no more")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.rollouts < 2 or options.rollouts % 2:
        parser.error(f"--rollouts {options.rollouts}: expected an even number, halves are compared")
    cells = [
        Cell(
            difficulty,
            turns,
            strength,
            num_tasks=options.tasks,
            group_size=options.group_size,
            num_rollouts=options.rollouts,
            num_resamples=options.resamples,
            seed=options.seed,
        )
        for (difficulty, turns), strength in product(DIFFICULTIES.items(), STRENGTHS)
    ]
    if options.truths:
        if options.keep is None:
            parser.error("--truths needs --keep FOLDER")
        for cell in cells:
            _truth(cell, options.keep)
        return
    results = _results(cells, options.keep, options.most, options.workers)
    if not results:
        parser.error("no cell is finished and none was made: nothing can be shown")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "credit-truth.md").write_text(as_markdown(results, _heading(results, len(cells))))
    head = {"date": f"{datetime.date.today()}", "environment": ENVIRONMENT, "fingerprint": _fingerprint()}
    (options.out / "credit-truth.json").write_text(as_json(results, head))
    picture(results, options.out / "credit-truth.png")
    print(options.out / "credit-truth.md")


def _results(cells: list[Cell], keep: Path | None, most: int | None, workers: int) -> list[Result]:
    """Return what is kept and what is made now, in the order of the cells."""
    found = {cell: load(keep, cell) for cell in cells} if keep else dict.fromkeys(cells)
    missing = [cell for cell, result in found.items() if result is None][:most]
    with ProcessPoolExecutor(workers) as pool:
        for result in pool.map(partial(_made, keep), missing):
            found[result.cell] = result
            if keep:
                save(keep, result)
            print(result.cell, {name: round(value, 3) for name, value in result.facts.items()}, flush=True)
    return [result for result in found.values() if result is not None]


def _made(keep: Path | None, cell: Cell) -> Result:
    return run_cell(cell, _truth(cell, keep) if keep else None)


def _truth(cell: Cell, keep: Path) -> Measured:
    """Return the truth of a cell, which is rolled out if it is not kept."""
    found = load_truth(keep, cell)
    if found is None:
        found = roll_out(cell)
        save_truth(keep, cell, found)
    return found


def _fingerprint() -> str:
    return turnwise.make(ENVIRONMENT).fingerprint


def _heading(results: list[Result], num_cells: int) -> list[str]:
    cell = results[0].cell
    rollouts = sum(int(result.facts["rollouts"]) for result in results)
    cpu_s = sum(result.facts["cpu_s"] for result in results)
    left = num_cells - len(results)
    missing = f" {left} of {num_cells} cells are still to be made." if left else ""
    return [
        "# Credit against the truth",
        "",
        f"{datetime.date.today()}; `python benchmarks/credit_truth/run.py --rollouts {cell.num_rollouts}"
        f" --tasks {cell.num_tasks} --group-size {cell.group_size} --seed {cell.seed}`; {ENVIRONMENT},"
        f" fingerprint {_fingerprint()}; {rollouts:,} rollouts, {cpu_s / 60:.1f} minutes of processor time in"
        f" all; {platform.machine()}, numpy {np.__version__}. Definitions: docs/credit-truth.md.{missing}",
        "",
        f"{cell.num_tasks} tasks with {cell.group_size} episodes each in every cell, {cell.num_rollouts}"
        f" rollouts from each state. A turn is clear if its measured advantage is more than {CLEAR:g}"
        " standard errors from 0. Bias and variance are multiples of the mean square of the true advantage,"
        " after the best scaling; 0 is best. Brackets: two bootstrap standard errors over tasks to either"
        " side.",
        "",
        "![Credit against the truth](credit-truth.png)",
    ]


if __name__ == "__main__":
    main()
