"""How the episodes of a group come about: rollout plans by name.

A plan is made by a function of the group's size; None stands for episodes that
are played apart from each other. One of your own is a decorator and a function:

    @register("fork_once")
    def fork_once(group_size: int, *, turn: int = 1) -> BranchingPlan:
        '''Let all members but one part from the first at one turn.'''
        return BranchingPlan(1, lambda point: group_size - 1 if len(point.turns) == turn else 0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....agents.rollout import BranchingPlan
from ...credit.naming import Named, Registry

__all__ = ["Planner", "get", "names", "register"]


@dataclass(frozen=True)
class Planner(Named):
    """Be a registered rollout plan: call it with the size of a group."""

    def __call__(self, group_size: int, **params: Any) -> BranchingPlan | None:
        """Return the plan of a group, or None where episodes are played apart.

        Raises:
            UnknownName: for a parameter that the plan does not have.
            UsageError: if the numbers do not fit the group's size.
        """
        self.check_params(params)
        plan: BranchingPlan | None = self.function(group_size, **params)
        return plan


_REGISTRY = Registry("rollout plan", Planner)
register, get, names = _REGISTRY.register, _REGISTRY.get, _REGISTRY.names
