"""A group as a line of the table: what it reached, what it took, and why a figure is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...agents.comparison.results import Metric
from ...intervals import student_mean, wilson
from .groups import Group
from .members import Kind, Member
from .spread import Spread

FIGURES = (
    "before",
    "after",
    "turns",
    "tokens",
    "updates",
    "training_turns",
    "training_tokens",
    "seconds",
    "dollars",
)
Over = Literal["seeds", "evaluations", "tasks", ""]
_TRAINING = ("before", "updates", "training_turns", "training_tokens")
_WHY = {
    "before": "there is no evaluation before training that tells",
    "after": "there is no evaluation after training that tells",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of a group.

    Args:
        label: of the group.
        kind: of its members.
        members: their folders.
        seeds: of runs, in the order of the members.
        figures: those that are known, by the names of `FIGURES`; of runs `after` is the mean of each one's
            last three evaluations after training, of evaluations what was reached. `turns` and `tokens`
            are of an episode, `seconds` those of training, or of all episodes of an evaluation.
        low: the 95 % interval of `after`, to `high`; None where there is none.
        over: what the interval speaks of: other seeds, or other tasks.
        why: of what is not known, the reason.
    """

    label: str
    kind: Kind
    members: tuple[str, ...]
    seeds: tuple[int, ...]
    figures: dict[str, Spread]
    low: float | None
    high: float | None
    over: Over
    why: dict[str, str]

    def row(self) -> dict[str, Any]:
        """Return it in plain values, None where something is not known."""
        after = self.figures.get("after")
        row: dict[str, Any] = {
            "group": self.label,
            "kind": self.kind,
            "members": len(self.members),
            "seeds": " ".join(map(str, self.seeds)),
        }
        for name in FIGURES:
            found = self.figures.get(name)
            row[name] = None if found is None else found.mean
            if name == "after":
                row |= {"least": after.least if after else None, "most": after.most if after else None}
                row |= {"low": self.low, "high": self.high, "over": self.over}
        return row


def line_of(group: Group, metric: Metric) -> Line:
    """Sum up a group."""
    figures = {
        name: found
        for name in FIGURES
        if (found := Spread.of([member.figures.get(name) for member in group.members])) is not None
    }
    why = {name: _why_not(name, group.members) for name in FIGURES if name not in figures}
    between, over, reason = _interval(group, figures.get("after"), metric)
    if reason:
        why["interval"] = reason
    return Line(
        label=group.label,
        kind=group.kind,
        members=tuple(str(member.place) for member in group.members),
        seeds=tuple(member.seed for member in group.members if member.seed is not None),
        figures=figures,
        low=between[0] if between else None,
        high=between[1] if between else None,
        over=over,
        why=why,
    )


def _why_not(name: str, members: Sequence[Member]) -> str:
    lacking = next(member for member in members if member.figures.get(name) is None)
    if name in lacking.why:
        return lacking.why[name]
    if lacking.kind == "evaluation" and name in _TRAINING:
        return "an evaluation trains nothing"
    if lacking.kind == "evaluation" and name == "after":
        return "no task of it tells"
    return _WHY.get(name, "it is not in the log")


def _interval(
    group: Group, after: Spread | None, metric: Metric
) -> tuple[tuple[float, float] | None, Over, str]:
    """Return the interval of what was reached and what it speaks of, or the reason why there is none."""
    if after is None:
        return None, "", "what was reached is not known"
    if group.kind == "evaluation" and len(group.members) == 1:
        return _over_tasks(group.members[0], metric)
    if reason := no_spread(group):
        return None, "", reason
    found = after.interval
    if after.least == after.most:
        return None, "", "all of them reached the same, which tells nothing of others"
    if metric == "success" and found is not None:
        found = max(0.0, found[0]), min(1.0, found[1])  # there are no others
    return found, "seeds" if group.kind == "run" else "evaluations", ""


def no_spread(group: Group) -> str:
    """Return why nothing can be said over the seeds of a group; "" if it can."""
    seeds = [member.seed for member in group.members if member.seed is not None]
    if len(group.members) < 2:
        return "one seed: nothing is known of others" if group.kind == "run" else "one evaluation"
    if len(set(seeds)) < len(seeds):
        return "two of its runs have the same seed, so they are not independent"
    return ""


def _over_tasks(member: Member, metric: Metric) -> tuple[tuple[float, float] | None, Over, str]:
    results = member.results.values.values() if member.results else ()
    known = [value for value in results if value is not None]
    found = wilson(round(sum(known)), len(known)) if metric == "success" else student_mean(known)
    return (found, "tasks", "") if found else (None, "", "one task")
