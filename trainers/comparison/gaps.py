"""Two groups compared: on the same tasks where they have played some, and over their seeds.

What was found on tasks speaks of these trained agents on other tasks; what was found over seeds
speaks of the recipes. Whether one recipe is better than another is said only where both agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import fmean, variance
from typing import Any

from ...agents.comparison.pairs import Pair, between, corrected
from ...agents.comparison.results import TaskResults
from ...errors import UsageError
from ...intervals import student_mean, student_quantile
from ...servers.board.pairs import LEVEL
from .groups import Group
from .lines import no_spread

MOST_PAIRED = 12
"""Groups of which all pairs are compared; of more, each with the first alone."""


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """The difference of what the seeds of two groups reached, first minus second, with its 95 % interval.

    Args:
        paired: whether both groups have the same seeds, so that each is compared with its own.
        seeds: of the first and of the second.
    """

    paired: bool
    seeds: tuple[int, int]
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Gap:
    """What is known of two groups.

    Args:
        first: the label of one group, `second` that of the other.
        pair: on tasks: the difference with its interval and test; None where they cannot be compared so.
        over_seeds: the difference over seeds; None where it is not known.
        why: of what is not known, the reason: "tasks", "seeds".
    """

    first: str
    second: str
    pair: Pair | None
    over_seeds: OverSeeds | None
    why: dict[str, str]

    @property
    def verdict(self) -> str:
        """Say which is better, a tie where that is not known, or "-" where nothing is."""
        if self.pair is None and self.over_seeds is None:
            return "-"
        if self.pair is not None and self.pair.corrected > LEVEL:
            return "tie"
        seeds = self.over_seeds
        if seeds is None:
            assert self.pair is not None, "one of both is known"
            return self.pair.verdict
        if seeds.low <= 0 <= seeds.high or (self.pair and self.pair.found.ahead * seeds.difference < 0):
            return "tie"
        return f"{self.first if seeds.difference > 0 else self.second} is better"

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "first": self.first,
            "second": self.second,
            "on_tasks": None if self.pair is None else self.pair.document(),
            "over_seeds": None if self.over_seeds is None else asdict(self.over_seeds),
            "verdict": self.verdict,
            "why": self.why,
        }


def gaps(groups: Sequence[Group]) -> tuple[Gap, ...]:
    """Compare every two groups; of many, each with the first."""
    chosen = list(combinations(groups, 2))
    if len(groups) > MOST_PAIRED:
        chosen = [(groups[0], other) for other in groups[1:]]
    found = [_gap(first, second) for first, second in chosen]
    pairs = iter(corrected([gap.pair for gap in found if gap.pair is not None]))
    return tuple(
        Gap(gap.first, gap.second, next(pairs) if gap.pair else None, gap.over_seeds, gap.why)
        for gap in found
    )


def _gap(first: Group, second: Group) -> Gap:
    why: dict[str, str] = {}
    pair = None
    try:
        pair = Pair(first.label, second.label, between(_averaged(first), _averaged(second)), 1.0)
    except UsageError as error:
        why["tasks"] = str(error)
    seeds = _over_seeds(first, second, why)
    return Gap(first.label, second.label, pair, seeds, why)


def _averaged(group: Group) -> TaskResults:
    """Return the mean result of a group's members on each task; unknown where that of one of them is.

    Raises:
        UsageError: if those of a member were not kept, or its tasks are of another kind.
    """
    results: list[TaskResults] = []
    for member in group.members:
        if member.results is None:
            raise UsageError(f"{member.place}: {member.why.get('tasks', 'its tasks are not known')}")
        if results and member.results.of != results[0].of:
            raise UsageError(f"{group.label}: its members are of different tasks")
        results.append(member.results)
    if results[0].fresh:
        drawn = {
            f"{at} {task}": value for at, each in enumerate(results) for task, value in each.values.items()
        }
        return TaskResults(group.label, group.label, results[0].of, drawn, fresh=True)
    tasks = dict.fromkeys(task for each in results for task in each.values)
    values = {task: _mean([each.values.get(task) for each in results]) for task in tasks}
    return TaskResults(group.label, group.label, results[0].of, values)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def _over_seeds(first: Group, second: Group, why: dict[str, str]) -> OverSeeds | None:
    if first.kind != second.kind:
        why["seeds"] = "one is of runs, the other of evaluations"
        return None
    for group in (first, second):
        if reason := no_spread(group):
            why["seeds"] = f"{group.label}: {reason}"
            return None
    reached = [[member.figures.get("after") for member in group.members] for group in (first, second)]
    known = [[value for value in values if value is not None] for values in reached]
    if list(map(len, known)) != list(map(len, reached)):
        why["seeds"] = "what some of them reached is not known"
        return None
    by_seed = [
        {member.seed: value for member, value in zip(group.members, values, strict=True)}
        for group, values in zip((first, second), known, strict=True)
    ]
    same_seeds = first.kind == "run" and by_seed[0].keys() == by_seed[1].keys()
    found = _paired(by_seed[0], by_seed[1]) if same_seeds else _welch(known[0], known[1])
    if found.low == found.high:
        why["seeds"] = "all seeds differ by the same, which tells nothing of others"
        return None
    return found


def _paired(first: Mapping[int | None, float], second: Mapping[int | None, float]) -> OverSeeds:
    differences = [first[seed] - second[seed] for seed in first]
    found = student_mean(differences)
    assert found is not None, "there are two seeds or more"
    return OverSeeds(True, (len(first), len(second)), fmean(differences), *found)


def _welch(first: Sequence[float], second: Sequence[float]) -> OverSeeds:
    """Compare seeds that are not the same (Welch 1947, Biometrika 34, 28-35).

    Degrees of freedom are rounded down, so that the interval is rather too wide.
    """
    parts = [variance(values) / len(values) for values in (first, second)]
    total = sum(parts)
    freedom = min(len(first), len(second)) - 1
    if total > 0:
        rest = sum(part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True))
        freedom = max(freedom, int(total**2 / rest))
    half = student_quantile(freedom) * total**0.5
    difference = fmean(first) - fmean(second)
    return OverSeeds(False, (len(first), len(second)), difference, difference - half, difference + half)
