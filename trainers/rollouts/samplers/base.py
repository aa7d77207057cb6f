"""Which of the groups that were played are trained on: samplers by name.

A sampler takes the draw of an update and returns it changed: with fewer groups,
with others that it let play, with trajectories it had kept. What it remembers from
update to update goes in and comes out as `draw.state`, and is in every checkpoint.
One of your own is a decorator and a coroutine:

    @register("solved_sometimes")
    async def solved_sometimes(draw: Draw) -> Draw:
        '''Keep the groups that were solved by some and not by all.'''
        return replace(draw, groups=tuple(g for g in draw.groups if len({t.success for t in g}) > 1))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....agents.types import Trajectory
from ...credit.naming import Named, Registry

__all__ = [
    "Draw",
    "Group",
    "Sampler",
    "SamplerState",
    "get",
    "is_dead",
    "names",
    "register",
    "returns_of",
]

Group = tuple[Trajectory, ...]
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class SamplerState:
    """Hold what a sampler remembers: trajectories by name, oldest first, and numbers that JSON holds."""

    kept: Mapping[str, tuple[Trajectory, ...]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draw:
    """Be the groups of an update on their way to training.

    Args:
        groups: trajectories of one task each; failed ones are among them.
        num_groups: how many groups the recipe asks for.
        more: plays so many further groups, on tasks of their own.
        rng: random numbers decided by the run's seed, the update and the sampler's place.
        state: what this sampler remembers.
        figures: for the log, by name.
    """

    groups: tuple[Group, ...]
    num_groups: int
    more: Callable[[int], Awaitable[Sequence[Group]]]
    rng: np.random.Generator
    state: SamplerState = field(default_factory=SamplerState)
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampler(Named):
    """Be a registered sampler: await it with a draw."""

    async def __call__(self, draw: Draw, **params: Any) -> Draw:
        """Return the draw as it is to be trained on.

        Raises:
            UnknownName: for a parameter that the sampler does not have.
            UsageError: if a number is out of range.
        """
        self.check_params(params)
        changed: Draw = await self.function(draw, **params)
        return changed


_REGISTRY = Registry("sampler", Sampler)
register, get, names = _REGISTRY.register, _REGISTRY.get, _REGISTRY.names


def returns_of(group: Group) -> list[float]:
    """Return the returns of the trajectories of a group that count."""
    return [each.episode_return for each in group if each.counts and each.turns]


def is_dead(group: Group) -> bool:
    """Tell whether a group has nothing to compare: fewer than two returns, or all of them equal."""
    returns = returns_of(group)
    return len(returns) < 2 or max(returns) - min(returns) <= _SAME * max(1.0, *map(abs, returns))
