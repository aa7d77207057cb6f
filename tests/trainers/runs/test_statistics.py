"""Further figures of an environment in the log of a run: their means over the episodes that have them."""

from __future__ import annotations

from dataclasses import replace

from turnwise.agents.evaluation.results import EvalRow, Evaluation
from turnwise.agents.types import Trajectory, Turn
from turnwise.trainers.runs.held_out import _figures
from turnwise.trainers.runs.statistics import batch_statistics

TURN = Turn(0, "o", "s", "go", 1.0, "n")
PLAYED = Trajectory("e", "t", 0, "g", (TURN,), "terminated", success=True)


def test_each_figure_is_the_mean_over_the_episodes_that_have_it() -> None:
    batch = [
        replace(PLAYED, metrics={"completion": 1.0, "modification": 1.0}),
        replace(PLAYED, metrics={"completion": 0.0}),
        replace(PLAYED, metrics={"completion": 1.0}, end="error", error="the machine's"),
        PLAYED,
    ]
    figures = batch_statistics(batch)
    assert {name: value for name, value in figures.items() if name.startswith("metrics/")} == {
        "metrics/completion": 0.5,
        "metrics/modification": 1.0,
    }
    assert not any(name.startswith("metrics/") for name in batch_statistics([PLAYED]))


def test_evaluations_have_them_under_their_own_names() -> None:
    rows = [EvalRow.of(replace(PLAYED, metrics={"resolution": value})) for value in (1.0, 0.0, 0.0, 0.0)]
    assert _figures(Evaluation.of(rows, {}, {}))["eval/metrics/resolution"] == 0.25
    plain = _figures(Evaluation.of([EvalRow.of(PLAYED)], {}, {}))
    assert not any(name.startswith("eval/metrics/") for name in plain)
