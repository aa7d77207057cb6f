"""Curves of a group of runs: the mean of its seeds at each update, and what it had taken by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ...agents.comparison.results import Metric
from ..runs.series import bands, points_of
from .groups import Group
from .members import LOGGED, Member

Over = Literal["updates", "tokens", "seconds"]
OVER: tuple[Over, ...] = get_args(Over)
HELD_OUT, TRAINING = "held-out tasks", "training tasks"
_IN_TRAINING: dict[Metric, str] = {"success": "success_rate", "score": "score", "return": "reward"}
_SPENT: dict[Over, str] = {"updates": "update", "tokens": "total_tokens", "seconds": "train_seconds"}


@dataclass(frozen=True, slots=True)
class Point:
    """A group at one update.

    Args:
        spent: by then, the mean over its seeds: updates, tokens and seconds of training; what is not
            known is not there.
        mean: of the figure over the seeds, between `least` and `most`.
    """

    spent: dict[Over, float]
    mean: float
    least: float
    most: float


Curves = dict[str, dict[str, list[Point]]]
"""By what tasks it is of, and by group."""


def curves_of(groups: Sequence[Group], metric: Metric) -> Curves:
    """Return the curves of groups of runs, at the updates that all seeds of a group have."""
    found = {
        HELD_OUT: _curves(groups, "evals", LOGGED[metric]),
        TRAINING: _curves(groups, "updates", _IN_TRAINING[metric]),
    }
    return {name: curves for name, curves in found.items() if curves}


def _curves(groups: Sequence[Group], entries: str, name: str) -> dict[str, list[Point]]:
    found = {}
    for group in groups:
        several = [points_of(getattr(member, entries), name) for member in group.members]
        spent = [_spent(member) for member in group.members]
        points = [
            Point(_together(spent, band.update), band.mean, band.least, band.most)
            for band in bands(several, least=len(several))
        ]
        if points:
            found[group.label] = points
    return found


def _spent(member: Member) -> dict[Over, dict[float, float]]:
    """Return what a run had spent after each update; before the first that was nothing."""
    return {over: {0.0: 0.0, **dict(points_of(member.updates, name))} for over, name in _SPENT.items()}


def _together(spent: Sequence[dict[Over, dict[float, float]]], update: float) -> dict[Over, float]:
    found: dict[Over, float] = {}
    for over in OVER:
        values = [each[over][update] for each in spent if update in each[over]]
        if len(values) == len(spent):
            found[over] = sum(values) / len(values)
    return found
