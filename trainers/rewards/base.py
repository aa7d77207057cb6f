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
from ..credit.table.table import TurnTable
from ..parts import Named, Registry


@dataclass(eq=False)
class RewardTransform(Named[TurnTable]):
    """A registered reward transform: call it with a table and its parameters."""

    def apply(self, table: TurnTable, **params: Any) -> TurnTable:
        """Return the table with other rewards.

        Raises:
            TableError: if a column that it needs is missing, or the transform returns no table.
        """
        result = self.function(table, **params)
        if not isinstance(result, TurnTable):
            raise TableError(
                f"{self.kind} {self.name} returned {type(result).__name__}; expected a TurnTable"
            )
        return result


REGISTRY = Registry("reward transform", RewardTransform)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
