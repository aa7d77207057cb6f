"""Groups of runs and evaluations beside each other, as one object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...agents.comparison.results import METRICS, Metric
from ...errors import UnknownName, UsageError
from ...tables import frame
from ..runs.series import Band, bands, points_of
from .gaps import Gap, gaps
from .groups import Given, Group, read_groups
from .lines import Line, line_of
from .members import LOGGED
from .recipes import differing

_IN_TRAINING: dict[Metric, str] = {"success": "success_rate", "score": "score", "return": "reward"}
AXIS: dict[Metric, str] = {"success": "success in %", "score": "score", "return": "return"}
"""What stands at an axis or above a column of a metric."""
HELD_OUT, TRAINING = "held-out tasks", "training tasks"


@dataclass(frozen=True, slots=True)
class Compared:
    """Groups beside each other: seeds of a recipe, runs under a label, evaluations.

    Args:
        metric: what is compared.
        lines: one a group.
        gaps: every two groups; of more than a dozen, each with the first.
        recipes: the keys whose values differ, with the value of each group; {} is none.
        curves: of runs, over updates: "held-out tasks" and "training tasks", and there by group the mean
            over its seeds between the least and the most, at the updates that all of them have.
        left_out: folders that are in no group, with the reason.
    """

    metric: Metric
    lines: tuple[Line, ...]
    gaps: tuple[Gap, ...]
    recipes: dict[str, tuple[str, ...]]
    curves: dict[str, dict[str, list[Band]]]
    left_out: dict[str, str]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a group, in plain values; None is unknown."""
        return [line.row() for line in self.lines]

    def to_pandas(self) -> Any:
        """Return one row a group as a pandas.DataFrame.

        Raises:
            UsageError: if pandas is not installed.
        """
        return frame(self.rows())

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "metric": self.metric,
            "groups": [
                {**line.row(), "seeds": line.seeds, "places": line.members, "why": line.why}
                for line in self.lines
            ],
            "pairs": [gap.document() for gap in self.gaps],
            "recipes": self.recipes,
            "curves": {
                name: {label: [asdict(band) for band in found] for label, found in curves.items()}
                for name, curves in self.curves.items()
            },
            "left_out": self.left_out,
        }


def compare(given: Given, *, by: Sequence[str] = (), metric: Metric | None = None) -> Compared:
    """Compare runs, evaluations and records.

    Args:
        given: their folders and files; one that holds runs or evaluations stands for these.
        by: keys of recipes whose values make the groups, as "credit.name".
        metric: by default success, or the return where nobody says who has won.

    Raises:
        UnknownName: for another metric, or a key that no recipe has.
        UsageError: if there is nothing at a place, or nothing to compare.
    """
    if metric is not None and metric not in METRICS:
        raise UnknownName("metric", metric, METRICS)
    groups, left_out = read_groups(given, by, metric or "success")
    if metric is None and groups and not any(_is_known(group) for group in groups):
        metric = "return"
        groups, left_out = read_groups(given, by, metric)
    if not groups:
        reasons = "; ".join(left_out.values()) or "no run or evaluation is given"
        raise UsageError(f"there is nothing to compare: {reasons}")
    metric = metric or "success"
    curves = {
        HELD_OUT: _curves(groups, "evals", LOGGED[metric]),
        TRAINING: _curves(groups, "updates", _IN_TRAINING[metric]),
    }
    return Compared(
        metric=metric,
        lines=tuple(line_of(group, metric) for group in groups),
        gaps=gaps(groups),
        recipes=differing(groups),
        curves={name: found for name, found in curves.items() if found},
        left_out=left_out,
    )


def _is_known(group: Group) -> bool:
    return any(
        member.figures.get(name) is not None for member in group.members for name in ("before", "after")
    )


def _curves(groups: Sequence[Group], entries: str, name: str) -> dict[str, list[Band]]:
    found = {}
    for group in groups:
        several = [points_of(getattr(member, entries), name) for member in group.members]
        if together := bands(several, least=len(several)):
            found[group.label] = together
    return found
