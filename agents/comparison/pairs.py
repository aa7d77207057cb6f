"""Every pair of agents, compared on the tasks that both have a result of, or on tasks of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from ...errors import UsageError
from ...servers.board.pairs import LEVEL, Difference, on_own_tasks, on_same_tasks
from ...significance import holm
from .results import TaskResults


@dataclass(frozen=True, slots=True)
class Pair:
    """Two agents compared; all figures are first minus second.

    Args:
        found: what is known of them.
        corrected: its p-value, corrected by Holm over all pairs that are compared together.
    """

    first: str
    second: str
    found: Difference
    corrected: float

    @property
    def verdict(self) -> str:
        """Say which is better at a level of 5 % after correction; a tie if that is not known."""
        if self.corrected > LEVEL:
            return "tie"
        return f"{self.first if self.found.ahead > 0 else self.second} is better"

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        names = {"first": self.first, "second": self.second}
        return {**self.found.document(), **names, "corrected": self.corrected, "verdict": self.verdict}


def compare(results: Sequence[TaskResults]) -> tuple[Pair, ...]:
    """Compare every pair, in the order in which the agents are given.

    Raises:
        UsageError: if there are fewer than two, two of one name, or a pair that cannot be compared.
    """
    if len({found.name for found in results}) != len(results) or len(results) < 2:
        raise UsageError(
            f"{', '.join(found.name for found in results) or 'nothing'}: expected two results or more, "
            "each once"
        )
    pairs = [
        Pair(first.name, second.name, between(first, second), 1.0)
        for first, second in combinations(results, 2)
    ]
    return corrected(pairs)


def between(first: TaskResults, second: TaskResults) -> Difference:
    """Compare two agents by the test that fits: on the same tasks where they share some, else on their own.

    Raises:
        UsageError: if their tasks are of another kind, or none has a known result.
    """
    if first.of != second.of:
        raise UsageError(f"{first.name} and {second.name} are of different tasks: {first.of} and {second.of}")
    try:
        if not first.fresh and not second.fresh and first.values.keys() & second.values.keys():
            return on_same_tasks(first.values, second.values)
        return on_own_tasks(list(first.values.values()), list(second.values.values()))
    except UsageError as error:
        raise UsageError(f"{first.name} and {second.name}: {error}") from error


def corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Return pairs with p-values corrected by Holm over all of them."""
    values = holm([pair.found.p_value for pair in pairs])
    return tuple(replace(pair, corrected=value) for pair, value in zip(pairs, values, strict=True))
