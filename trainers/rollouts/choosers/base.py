"""Which tasks an update plays, and with how many members each: choosers by name.

A chooser is asked for the groups of one environment and answers with tasks, from what is
remembered of each. One of your own is a decorator and a function:

    @register("longest_unseen")
    def longest_unseen(asked: Asked) -> Chosen:
        '''Play the tasks that were not played for the longest time.'''
        return asked.best(-asked.tasks.update.astype(float))

What it remembers beyond that are columns of numbers, one a task: it returns them in
`Chosen.own` and finds them in `asked.tasks.own` when it is asked again, at the next update or
in a round of refilling of this one. What came of the episodes it is told at the next update.

Shapes: _P tasks of the environment, _G groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....errors import UsageError
from ...parts import Named, Registry
from .memory import Bools, Floats, Ints, TaskMemory


@dataclass(frozen=True, slots=True)
class Chosen:
    """The groups that a chooser wants played.

    Args:
        tasks: the task of each [G].
        sizes: members of each [G]; None: rollout.group_size of all.
        own: the chooser's own columns from here on, by name [P] each.
        figures: for the log, by name.
    """

    tasks: Ints
    sizes: Ints | None = None
    own: Mapping[str, Floats] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def members(self) -> Ints:
        """Return the members of each group [G], where they are given.

        Raises:
            UsageError: if they are not.
        """
        if self.sizes is None:
            raise UsageError("the sizes of these groups are not decided yet; ask the bound chooser")
        return self.sizes


@dataclass(frozen=True, slots=True)
class Asked:
    """What a chooser is asked: the tasks of some groups of one environment.

    Args:
        num_groups: groups of group_size members that there is room for; other sizes must
            not have more members together.
        group_size: of the recipe.
        least_size: members that a group needs to be trained on; 1 with train.allow_single, else 2.
        tasks: what is remembered of each; the episodes are those of updates before.
        taken: tasks that this update plays already, in an earlier round [P].
        update: counted from 0.
        rng: random numbers decided by the run's seed, the update, the round and the environment.
    """

    num_groups: int
    group_size: int
    least_size: int
    tasks: TaskMemory
    taken: Bools
    update: int
    rng: np.random.Generator

    @property
    def num_episodes(self) -> int:
        """Return the most members of all groups together."""
        return self.num_groups * self.group_size

    def best(self, score_P: Floats, num: int | None = None) -> Chosen:
        """Choose the tasks of the highest scores, equal ones by chance.

        Tasks that this update plays already come last, and come again once there are no others.

        Args:
            score_P: of each task; -inf: only if nothing else is left.
            num: how many; num_groups by default.
        """
        order_P = self.rng.permutation(len(self.tasks))
        taken_P = self.taken[order_P]
        wanted, free = num or self.num_groups, order_P[~taken_P]
        best = _highest(free, score_P, wanted)
        if len(best) < wanted:
            best = np.concatenate([best, _highest(order_P[taken_P], score_P, wanted - len(best))])
        return Chosen(np.resize(best, wanted))

    def drawn(self, weight_P: Floats, num: int | None = None) -> Chosen:
        """Draw tasks without replacement, each with a chance that rises with its weight.

        Args:
            weight_P: of each task, at least 0; one of weight 0 comes only if nothing else is left.
            num: how many; num_groups by default.
        """
        with np.errstate(divide="ignore"):  # a weight of 0 waits for ever
            wait_P = self.rng.standard_exponential(len(self.tasks)) / np.asarray(weight_P, float)
        return self.best(-wait_P, num)


def _highest(task_F: Ints, score_P: Floats, num: int) -> Ints:
    """Return the tasks of the highest scores, highest first, of equal ones those that come first."""
    lowness_F = -np.asarray(score_P, float)[task_F]
    if num < len(task_F):
        near = np.sort(np.argpartition(lowness_F, num)[:num])
        task_F, lowness_F = task_F[near], lowness_F[near]
    highest: Ints = task_F[np.argsort(lowness_F, kind="stable")]
    return highest


@dataclass(eq=False)
class Chooser(Named[Chosen]):
    """A registered task chooser."""

    def apply(self, asked: Asked, **params: Any) -> Chosen:
        """Return the groups to play.

        Raises:
            UsageError: if it chooses a task that is not there, a group of no use, or more than it may.
        """
        chosen: Chosen = self.function(asked, **params)
        num_tasks = len(asked.tasks)
        if not len(chosen.tasks) or min(chosen.tasks) < 0 or max(chosen.tasks) >= num_tasks:
            raise UsageError(
                f"chooser {self.name} gave {_short(chosen.tasks)}; expected at least one task from 0 to "
                f"{num_tasks - 1}"
            )
        sizes = chosen.sizes
        if sizes is None:
            sizes = np.full(len(chosen.tasks), asked.group_size)
        if len(sizes) != len(chosen.tasks) or min(sizes) < asked.least_size or np.mod(sizes, 1).any():
            raise UsageError(
                f"chooser {self.name} gave groups of {_short(sizes)} for {len(chosen.tasks)} tasks; expected "
                f"a whole number of at least {asked.least_size} for each (train.allow_single = true allows 1)"
            )
        if sum(sizes) > asked.num_episodes:
            raise UsageError(
                f"chooser {self.name} wants {sum(sizes)} episodes; rollout.num_groups and "
                f"rollout.group_size allow {asked.num_episodes}"
            )
        for name, column in chosen.own.items():
            if np.shape(column) != (num_tasks,):
                raise UsageError(
                    f"chooser {self.name} remembers {name!r} of shape {np.shape(column)}; expected one "
                    f"number for each of {num_tasks} tasks"
                )
        whole = np.asarray(chosen.tasks, dtype=np.int64), np.asarray(sizes, dtype=np.int64)
        return Chosen(*whole, chosen.own, chosen.figures)


def _short(values: Any) -> str:
    shown = ", ".join(map(str, list(values)[:8]))
    return f"[{shown}{', ...' if len(values) > 8 else ''}]"


REGISTRY = Registry("task chooser", Chooser)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
