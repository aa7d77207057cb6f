"""How a reward transform is written and found by name.

A transform takes a turn table and returns one with other rewards. One of your
own is a decorator and a function:

    @register("halved")
    def halved(table: TurnTable, *, factor: float = 0.5) -> TurnTable:
        '''Scale every reward.'''
        return table.with_rewards(table.reward * factor)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import TableError
from ..credit.naming import Named, Registry
from ..credit.table import TurnTable

__all__ = ["RewardTransform", "get", "names", "register"]


@dataclass(frozen=True)
class RewardTransform(Named):
    """Be a registered reward transform: call it with a table and its parameters."""

    def __call__(self, table: TurnTable, **params: Any) -> TurnTable:
        """Return the table with other rewards.

        Raises:
            UnknownName: for a parameter that the transform does not have.
            TableError: if a column that it needs is missing.
        """
        self.check_params(params)
        result = self.function(table, **params)
        if not isinstance(result, TurnTable):
            raise TableError(
                f"{self.kind} {self.name} returned {type(result).__name__}; expected a TurnTable"
            )
        return result


_REGISTRY: Registry[RewardTransform] = Registry("reward transform", RewardTransform)


def register(name: str) -> Callable[[Callable[..., TurnTable]], RewardTransform]:
    """Register a function of a table as a reward transform.

    Raises:
        UsageError: if the name is taken.
    """
    return _REGISTRY.register(name)


def get(name: str) -> RewardTransform:
    """Return the reward transform of a name.

    Raises:
        UnknownName: with the closest names.
    """
    return _REGISTRY.get(name)


def names() -> list[str]:
    """Return the names of all reward transforms, sorted."""
    return _REGISTRY.names()
