"""How a reward transform is written and found by name.

A transform takes a turn table and returns one with other rewards. One of your
own is a decorator and a function:

    @register("halved")
    def halved(table: TurnTable, *, factor: float = 0.5) -> TurnTable:
        '''Scale every reward.'''
        return table.with_rewards(table.reward * factor)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import TableError
from ..credit.naming import Named, Registry
from ..credit.table.table import TurnTable

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


_REGISTRY = Registry("reward transform", RewardTransform)
register, get, names = _REGISTRY.register, _REGISTRY.get, _REGISTRY.names
