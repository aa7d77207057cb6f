"""How many submissions were made, changed something, and resolved their task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .task import Verdict


@dataclass(frozen=True, slots=True)
class Rates:
    """The three figures of a table, over the verdicts that were scored; None without one.

    Args:
        scored: how many verdicts count.
        unscored: how many do not: the grader or the machine failed.
        completion: the share that was submitted.
        modification: the share whose patch changes something, whether it applies or not.
        resolution: the share that is resolved.
    """

    scored: int
    unscored: int
    completion: float | None
    modification: float | None
    resolution: float | None


def rates(verdicts: Iterable[Verdict]) -> Rates:
    """Return completion, modification and resolution of verdicts."""
    outcomes = [verdict.outcome for verdict in verdicts]
    scored = [outcome for outcome in outcomes if outcome is not None]

    def share(*without: str) -> float | None:
        return sum(outcome not in without for outcome in scored) / len(scored) if scored else None

    return Rates(
        len(scored),
        len(outcomes) - len(scored),
        share("no_submission"),
        share("no_submission", "empty_patch"),
        share("no_submission", "empty_patch", "unapplicable", "tests_failed"),
    )
