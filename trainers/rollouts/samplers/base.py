"""Which of the groups that were played are trained on: samplers by name.

A sampler takes the candidates of an update and returns them changed: fewer groups,
others that it let play, trajectories that it had kept. What it remembers from
update to update goes in and comes out as `candidates.state`, and is in every checkpoint.
One of your own is a decorator and a coroutine:

    @register("solved_sometimes")
    async def solved_sometimes(candidates: Candidates) -> Candidates:
        '''Keep the groups that were solved by some and not by all.'''
        return candidates.keep(group for group in candidates.groups if len({t.success for t in group}) > 1)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ....agents.rollout.beginning import NOTHING, Beginning
from ....agents.types import Trajectory
from ....errors import TrainingError, UsageError
from ...parts import Named, Registry

Group = tuple[Trajectory, ...]
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class SamplerState:
    """What a sampler remembers: trajectories by name, oldest first, and numbers that JSON holds."""

    kept: Mapping[str, tuple[Trajectory, ...]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A task that is played again, or from a state of somebody's.

    Args:
        env_id: the environment.
        seed: of the task.
        size: how many episodes.
        beginning: what each of them is given.
    """

    env_id: str
    seed: int
    size: int
    beginning: Beginning = NOTHING

    @classmethod
    def of(cls, group: Group, size: int, beginning: Beginning) -> Attempt:
        """Return an attempt at the task of a group."""
        return cls(group[0].env_id, group[0].task_seed, size, beginning)


Again = Callable[[Sequence[Attempt]], Awaitable[Sequence[Group]]]


async def _nobody(attempts: Sequence[Attempt]) -> Sequence[Group]:
    raise UsageError("nothing is played again here: a trainer's collector does that")


@dataclass(frozen=True, slots=True)
class Candidates:
    """The groups of an update on their way to training.

    Args:
        groups: trajectories of one task each; failed ones are among them.
        num_groups: how many groups the recipe asks for.
        more: plays that many more groups, on tasks of their own.
        rng: random numbers decided by the run's seed, the update and the sampler's place.
        state: what this sampler remembers.
        figures: for the log, by name.
        update: counted from 0.
        progress: how much of the run is done, 0 at its first update and 1 at its last.
        again: plays attempts, each a group of its own, in their order.
        shown: lets the environment's own expert play the tasks of attempts, likewise; their sizes and
            beginnings are not looked at.
    """

    groups: tuple[Group, ...]
    num_groups: int
    more: Callable[[int], Awaitable[Sequence[Group]]]
    rng: np.random.Generator
    state: SamplerState = field(default_factory=SamplerState)
    figures: Mapping[str, float] = field(default_factory=dict)
    update: int = 0
    progress: float = 0.0
    again: Again = _nobody
    shown: Again = _nobody

    def keep(self, groups: Iterable[Group], figures: Mapping[str, float] | None = None) -> Candidates:
        """Return these groups in place of the present ones, with more figures for the log."""
        return replace(self, groups=tuple(groups), figures={**self.figures, **(figures or {})})


@dataclass(eq=False)
class Sampler(Named[Awaitable[Candidates]]):
    """A registered sampler: await it with the candidates of an update.

    Args:
        helps: whether it gives turns or words to episodes, which programs of others cannot be given.
        expert: whether it asks the environment's own expert.
    """

    helps: bool = False
    expert: bool = False


REGISTRY = Registry("sampler", Sampler)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind


def returns_of(group: Group) -> list[float]:
    """Return the returns of the trajectories of a group that count."""
    return [trajectory.episode_return for trajectory in group if trajectory.counts and trajectory.turns]


def returns_by_agent(group: Group) -> list[list[float]]:
    """Return the returns of the trajectories of a group that count, apart for each agent that plays in it.

    Where several play, an agent's return is the sum of the rewards of its own
    turns: in a zero-sum game those of all together say nothing.
    """
    counting = [trajectory for trajectory in group if trajectory.counts and trajectory.turns]
    agents = list(dict.fromkeys(turn.agent for trajectory in counting for turn in trajectory.turns))
    if len(agents) < 2:
        return [returns_of(group)]
    own = [
        {agent: [turn.reward for turn in trajectory.turns if turn.agent == agent] for agent in agents}
        for trajectory in counting
    ]
    return [[sum(rewards[agent]) for rewards in own if rewards[agent]] for agent in agents]


def check_told(groups: Iterable[Group], sampler: str) -> None:
    """Refuse trajectories that do not say whether they were won.

    Raises:
        TrainingError: naming the sampler and the environment.
    """
    for trajectory in (trajectory for group in groups for trajectory in group):
        if trajectory.counts and trajectory.success is None:
            raise TrainingError(
                f"sampler {sampler} goes by success, and {trajectory.env_id} does not always say "
                'info["won"]; let it, or train without this sampler'
            )


def has_failed(group: Group) -> bool:
    """Tell whether a group was played and nobody won."""
    outcomes = [trajectory.success for trajectory in group if trajectory.counts and trajectory.turns]
    return bool(outcomes) and not any(outcomes)


def put_in(group: Group, place: int, other: Trajectory) -> Group:
    """Return a group in which another trajectory stands at a place, under the name of the one before it."""
    mine = replace(other, group=group[place].group, member=group[place].member)
    return (*group[:place], mine, *group[place + 1 :])


def is_dead(group: Group) -> bool:
    """Tell whether a group has nothing to compare: for no agent two returns that differ."""
    return all(_are_alike(returns) for returns in returns_by_agent(group))


def _are_alike(returns: list[float]) -> bool:
    return len(returns) < 2 or max(returns) - min(returns) <= _SAME * max(1.0, *map(abs, returns))
