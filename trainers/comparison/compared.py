"""Groups of runs and evaluations beside each other, as one object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...agents.comparison.results import METRICS, Metric
from ...errors import UnknownName, UsageError
from ...tables import frame
from .curves import Over, curves_of
from .documents import Format, written
from .found import Found
from .gaps import gaps
from .groups import Given, Group, read_groups
from .lines import line_of
from .picture import draw
from .recipes import differing


@dataclass(frozen=True, slots=True)
class Compared(Found):
    """What was found, which can be printed, drawn, and made a table."""

    def to_pandas(self) -> Any:
        """Return one row a group as a pandas.DataFrame.

        Raises:
            UsageError: if pandas is not installed.
        """
        return frame(self.rows())

    def text(self, form: Format = "markdown", columns: Sequence[str] = ()) -> str:
        """Return it as "markdown", "latex", "csv" or "json".

        Args:
            form: of the text.
            columns: of the table, as "after", "interval" and "tokens"; all that are known, if none are given.

        Raises:
            UnknownName: for another form, or a column that there is not.
        """
        return written(self, form, columns)

    def draw(self, path: str | Path, over: Over = "updates") -> None:
        """Draw it.

        Args:
            path: ends in .png, .svg or .pdf.
            over: what curves are drawn over: "updates", "tokens" or "seconds" of training.

        Raises:
            UsageError: if it ends otherwise, or matplotlib is not installed.
        """
        draw(self, Path(path), over)


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
    return Compared(
        metric=metric,
        lines=tuple(line_of(group, metric) for group in groups),
        gaps=gaps(groups),
        recipes=differing(groups),
        curves=curves_of(groups, metric),
        left_out=left_out,
    )


def _is_known(group: Group) -> bool:
    return any(
        member.figures.get(name) is not None for member in group.members for name in ("before", "after")
    )
