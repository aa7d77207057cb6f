"""What a comparison has found, in plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...agents.comparison.results import Metric
from .curves import Curves
from .gaps import Gap
from .lines import Line

AXIS: dict[Metric, str] = {"success": "success in %", "score": "score", "return": "return"}
"""What stands at an axis or above a column of a metric."""


@dataclass(frozen=True, slots=True)
class Found:
    """Groups beside each other: seeds of a recipe, runs under a label, evaluations.

    Args:
        metric: what is compared.
        lines: one a group.
        gaps: every two groups; of more than a dozen, each with the first.
        recipes: the keys whose values differ, with the value of each group; {} is none.
        curves: of runs: "held-out tasks" and "training tasks", and there by group the mean over its seeds
            between the least and the most, at the updates that all of them have.
        left_out: folders that are in no group, with the reason.
    """

    metric: Metric
    lines: tuple[Line, ...]
    gaps: tuple[Gap, ...]
    recipes: dict[str, tuple[str, ...]]
    curves: Curves
    left_out: dict[str, str]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a group, in plain values; None is unknown."""
        return [line.row() for line in self.lines]

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
                name: {label: [asdict(point) for point in points] for label, points in curves.items()}
                for name, curves in self.curves.items()
            },
            "left_out": self.left_out,
        }
