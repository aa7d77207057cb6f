"""The groups of a round: chosen, or drawn uniformly where the recipe names no chooser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ....agents.types import Trajectory
from ....errors import UsageError
from ....streams import Stream, rng
from ..mixture import EnvChoice, draw_choices
from ..tasks import Pick, TaskSampler, drawn_picks
from .base import Asked, Chooser, Chosen
from .memory import MOST_TASKS, Floats, TaskMemory

Own = Mapping[str, Mapping[str, Floats]]


@dataclass(frozen=True, slots=True)
class Round:
    """What is to be picked.

    Args:
        update: counted from 0.
        number: 0 is the first round of an update.
        num_groups: how many groups there is room for.
        played: trajectories of earlier rounds of the update.
    """

    update: int
    number: int
    num_groups: int
    played: Sequence[Trajectory] = ()


@dataclass(frozen=True, slots=True)
class Picked:
    """The groups of a round.

    Args:
        picks: the groups.
        own: what the chooser remembers from here on, by environment.
        figures: of the chooser, for the log.
    """

    picks: list[Pick]
    own: Own = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskPicker:
    """What says which groups a round plays.

    In a mixture each environment has the groups that its weight gives it, and the chooser
    is asked for those of each alone.

    Args:
        choices: the environments.
        sampler: the uniform draw; it knows the run's seed, and how many tasks there are.
        group_size: members of a group, of the recipe.
        least_size: members that a group needs to be trained on.
        chooser: bound; None: the uniform draw.
    """

    choices: Sequence[EnvChoice]
    sampler: TaskSampler
    group_size: int
    least_size: int
    chooser: Chooser | None = None

    def first_memory(self) -> dict[str, TaskMemory]:
        """Return the memory of the tasks of a new run; empty where no task comes again."""
        num = self.sampler.num_tasks
        return {choice.id: TaskMemory.new(num) for choice in self.choices} if 0 < num <= MOST_TASKS else {}

    def pick(self, asked: Round, memory: Mapping[str, TaskMemory]) -> Picked:
        """Return the groups of a round.

        Args:
            asked: the round.
            memory: of the tasks; its episodes are those of updates before.

        Raises:
            UsageError: if the chooser chooses what it may not.
        """
        sampler, update, number = self.sampler, asked.update, asked.number
        if self.chooser is None:
            seeds = sampler.seeds(update) if number == 0 else sampler.refill(update, number, asked.num_groups)
            return Picked(drawn_picks(self.choices, seeds, self.group_size, sampler.seed, update, number))
        drawn = draw_choices(self.choices, asked.num_groups, rng(sampler.seed, Stream.WORLDS, update, number))
        wanted = Counter(choice.id for choice in drawn)
        chosen = {
            choice.id: self.chooser(self._asked(asked, memory[choice.id], place, wanted[choice.id]))
            for place, choice in enumerate(self.choices)
            if wanted[choice.id]
        }
        picks = [pick for env in self.choices if env.id in chosen for pick in _picks(env, chosen[env.id])]
        figures = _figures(memory, chosen)
        return Picked(picks, {id: each.own for id, each in chosen.items()}, figures)

    def _asked(self, asked: Round, tasks: TaskMemory, place: int, num_groups: int) -> Asked:
        """Return what the chooser is asked of the environment at a place of the recipe."""
        taken = np.zeros(len(tasks), dtype=np.bool_)
        taken[[each.task_seed for each in asked.played if each.env_id == self.choices[place].id]] = True
        generator = rng(self.sampler.seed, Stream.CHOOSERS, asked.update, asked.number, place)
        return Asked(num_groups, self.group_size, self.least_size, tasks, taken, asked.update, generator)


def with_own(tasks: Mapping[str, TaskMemory], own: Own) -> dict[str, TaskMemory]:
    """Return what is remembered of tasks with what a chooser remembers of them from here on."""
    new = {id: replace(tasks[id], own={**tasks[id].own, **columns}) for id, columns in own.items()}
    return {**tasks, **new}


def check_chooser(name: str, num_tasks: int) -> None:
    """Refuse a chooser where tasks do not come again, or are too many to be remembered."""
    if not 0 < num_tasks <= MOST_TASKS:
        raise UsageError(
            f"rollout.chooser {name!r} goes by what is remembered of each task, and env.num_tasks = "
            f"{num_tasks}: set env.num_tasks to 1 to {MOST_TASKS}, so that tasks come again"
        )


def _picks(env: EnvChoice, chosen: Chosen) -> Iterable[Pick]:
    """Yield the groups of one environment; a task that comes twice is played with other random numbers."""
    times: Counter[int] = Counter()
    for task, size in zip(chosen.tasks.tolist(), chosen.members.tolist(), strict=True):
        yield Pick(env, task, size, times[task])
        times[task] += 1


def _figures(memory: Mapping[str, TaskMemory], chosen: Mapping[str, Chosen]) -> dict[str, float]:
    """Return what was chosen, in figures of the log; a chooser's own as their mean over environments."""
    seen = np.concatenate([memory[id].played[each.tasks] for id, each in chosen.items()])
    success = np.concatenate([memory[id].success[each.tasks] for id, each in chosen.items()])
    members = np.concatenate([each.members for each in chosen.values()])
    figures = {
        "choosing/groups": float(len(seen)),
        "choosing/new": float(np.mean(~seen)),
        "choosing/members": float(np.mean(members)),
        "choosing/members_max": float(np.max(members)),
    }
    if np.isfinite(success).any():
        figures["choosing/success"] = float(np.nanmean(success))
    for name in sorted({name for each in chosen.values() for name in each.figures}):
        values = [each.figures[name] for each in chosen.values() if name in each.figures]
        figures[f"choosing/{name}"] = float(np.mean(values))
    return figures
