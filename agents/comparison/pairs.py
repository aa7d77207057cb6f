"""Every pair of agents, compared on the tasks that both have a result of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from ...errors import UsageError
from ...servers.board.pairs import LEVEL, on_same_tasks
from ...significance import holm
from .results import Metric, TaskResults


@dataclass(frozen=True, slots=True)
class Pair:
    """Two agents on the same tasks; all figures are first minus second.

    Args:
        tasks: those that both have a result of.
        left_out: those that only one has, or whose result is unknown.
        difference: of the means, with the interval of the paired bootstrap at 95 %.
        better: tasks on which the first is better; `worse` and `ties` likewise.
        p_value: of the exact sign test; for successes, McNemar's.
        corrected: by Holm, over all pairs that are compared together.
    """

    first: str
    second: str
    tasks: int
    left_out: int
    first_mean: float
    second_mean: float
    difference: float
    low: float
    high: float
    better: int
    worse: int
    ties: int
    p_value: float
    corrected: float = 1.0

    @property
    def verdict(self) -> str:
        """Say which is better at a level of 5 % after correction; a tie if that is not known."""
        if self.corrected > LEVEL:
            return "tie"
        return f"{self.first if self.better > self.worse else self.second} is better"


@dataclass(frozen=True, slots=True)
class Comparison:
    """All pairs, in the order in which the agents were given."""

    metric: Metric
    pairs: tuple[Pair, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "metric": self.metric,
            "level": LEVEL,
            "pairs": [{**asdict(pair), "verdict": pair.verdict} for pair in self.pairs],
        }


def compare(results: Sequence[TaskResults], metric: Metric = "success") -> Comparison:
    """Compare every pair.

    Raises:
        UsageError: if there are fewer than two, two of one name, two of different tasks, or a pair has no
            task of which both have a result.
    """
    if len({found.name for found in results}) != len(results) or len(results) < 2:
        raise UsageError(
            f"{', '.join(found.name for found in results) or 'nothing'}: expected two results or more, "
            "each once"
        )
    for other in results[1:]:
        if other.of != results[0].of:
            raise UsageError(
                f"{results[0].name} and {other.name} are of different tasks: {results[0].of} and {other.of}"
            )
    pairs = [_pair(first, second, metric) for first, second in combinations(results, 2)]
    return Comparison(metric, corrected(pairs))


def corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Return pairs with p-values corrected by Holm over all of them."""
    values = holm([pair.p_value for pair in pairs])
    return tuple(
        Pair(**{**asdict(pair), "corrected": value}) for pair, value in zip(pairs, values, strict=True)
    )


def _pair(first: TaskResults, second: TaskResults, metric: Metric) -> Pair:
    try:
        found = on_same_tasks(first.values, second.values)
    except UsageError as error:
        raise UsageError(
            f"{first.name} and {second.name}: there is no task of which both have a known {metric}"
        ) from error
    assert found.low is not None and found.high is not None, "paired differences have an interval"
    assert found.better is not None and found.worse is not None and found.ties is not None, "they are paired"
    return Pair(
        first=first.name,
        second=second.name,
        tasks=found.tasks[0],
        left_out=found.left_out,
        first_mean=found.first_mean,
        second_mean=found.second_mean,
        difference=found.difference,
        low=found.low,
        high=found.high,
        better=found.better,
        worse=found.worse,
        ties=found.ties,
        p_value=found.p_value,
    )
