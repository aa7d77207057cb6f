"""Scores: a fold over the outcomes that the journal holds. A task without one is lost."""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import Any

from ...intervals import wilson
from .draws import Task
from .file import Benchmark
from .runs import FINISHED, Outcome, Run

_Z = 1.959963984540054
_NEVER = Outcome("not played", None, None, 0.0, 0, 0.0)


def measured(benchmark: Benchmark, tasks: list[Task], run: Run) -> dict[str, Any]:
    """Return what a closed run came to: the score with its interval, and every task.

    A mean that is not a share of successes has the interval of the normal law, None below two tasks.
    Where a finished task does not say what the metric asks for, score and interval are None:
    nothing is guessed.
    """
    rows = [_row(benchmark, number, task, run) for number, task in enumerate(tasks)]
    values = [row.pop("value") for row in rows]
    known = [value for value in values if value is not None]
    score = low = high = None
    if len(known) == len(values):
        score = fmean(known)
        low, high = _interval(benchmark, known)
    return {
        "score": score,
        "ci_low": low,
        "ci_high": high,
        "coverage": len(known) / len(values),
        "finished": sum(row["finished"] for row in rows),
        "turns": sum(row["turns"] for row in rows),
        "seconds": round(run.closed_at - run.opening.at, 3),
        "closed": run.closed,
        "tasks": rows,
    }


def _row(benchmark: Benchmark, number: int, task: Task, run: Run) -> dict[str, Any]:
    outcome = run.dealt[number].outcome if number < len(run.dealt) else None
    outcome = outcome or _NEVER
    return {
        "task": number,
        "environment": benchmark.environments[task.place].id,
        "slot": f"{task.place}.{task.number}",
        "end": outcome.end,
        "finished": outcome.end in FINISHED,
        "success": outcome.success,
        "score": outcome.score,
        "return": outcome.total,
        "turns": outcome.turns,
        "seconds": round(outcome.seconds, 3),
        "value": value_of(benchmark, outcome),
    }


def value_of(benchmark: Benchmark, outcome: Outcome) -> float | None:
    """Return what a task is worth; None where the environment does not say."""
    if outcome.end not in FINISHED:
        return benchmark.score.lost
    if benchmark.score.metric == "success":
        return None if outcome.success is None else float(outcome.success)
    return outcome.score if benchmark.score.metric == "score" else outcome.total


def _interval(benchmark: Benchmark, values: list[float]) -> tuple[float | None, float | None]:
    if benchmark.score.metric == "success" and benchmark.score.lost == 0:
        return wilson(round(sum(values)), len(values))
    if len(values) < 2:
        return None, None
    mean, half = fmean(values), _Z * stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half
