"""How the episodes of a group come about: rollout plans by name.

A plan is made by a function of the group's size; None stands for episodes that
are played apart from each other. One of your own is a decorator and a function:

    @register("fork_once")
    def fork_once(group_size: int, *, turn: int = 1) -> BranchingPlan:
        '''Let all members but one part from the first at one turn.'''
        return BranchingPlan(1, lambda point: group_size - 1 if len(point.turns) == turn else 0)
"""

from __future__ import annotations

from ....agents.rollout import BranchingPlan
from ...parts import Named, Registry

REGISTRY = Registry("rollout plan", Named[BranchingPlan | None])
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
