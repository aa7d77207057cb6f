"""Which tasks a batch trains on: a pure function of the run's seed and the update.

Seeds below 2^30 are for training, those from there on for evaluation, so that
an environment without splits is still measured on tasks it was not trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...agents.rollout.config import TaskItem
from ...errors import UsageError
from ...streams import Stream, rng
from .mixture import EnvChoice, draw_choices
from .samplers import Attempt

HELD_OUT = 2**30


@dataclass(frozen=True, slots=True)
class TaskSampler:
    """The task seeds of each update.

    With `num_tasks` the tasks 0..num_tasks-1 are visited in a new random order
    each epoch, so none is drawn twice before all were; without, every draw is fresh.

    Raises:
        UsageError: if a number is out of range.
    """

    seed: int
    num_groups: int
    num_tasks: int = 0

    def __post_init__(self) -> None:
        if self.num_groups < 1:
            raise UsageError(f"rollout.num_groups is {self.num_groups}; expected at least 1")
        if not 0 <= self.num_tasks <= HELD_OUT:
            raise UsageError(f"env.num_tasks is {self.num_tasks}; expected 0 to {HELD_OUT}")

    def seeds(self, update: int) -> list[int]:
        """Return the task seed of each group of an update."""
        if self.num_tasks == 0:
            drawn = rng(self.seed, Stream.TASKS, update)
            return [int(seed) for seed in drawn.integers(0, HELD_OUT, size=self.num_groups)]
        first = update * self.num_groups
        return [self._visit(place) for place in range(first, first + self.num_groups)]

    def refill(self, update: int, round_: int, num: int) -> list[int]:
        """Return that many more task seeds, for a round of refilling after the first of an update."""
        drawn = rng(self.seed, Stream.REFILLS, update, round_)
        if self.num_tasks == 0:
            return [int(seed) for seed in drawn.integers(0, HELD_OUT, size=num)]
        order = drawn.permutation(self.num_tasks)
        return [int(order[place % self.num_tasks]) for place in range(num)]

    def _visit(self, place: int) -> int:
        epoch, offset = divmod(place, self.num_tasks)
        order = rng(self.seed, Stream.TASK_ORDER, epoch).permutation(self.num_tasks)
        return int(order[offset])


@dataclass(frozen=True, slots=True)
class Pick:
    """A group to play.

    Args:
        env: its environment.
        task: the seed of its task.
        size: its members.
        repeat: how many groups of the same round play the same task with other random numbers before it.
    """

    env: EnvChoice
    task: int
    size: int
    repeat: int = 0


def drawn_picks(
    choices: Sequence[EnvChoice],
    seeds: Sequence[int],
    group_size: int,
    seed: int,
    update: int,
    round_: int = 0,
) -> list[Pick]:
    """Return one group a task seed, each in an environment that is drawn; see `mixture`.

    Args:
        choices: the environments.
        seeds: the task of each group.
        group_size: episodes of a group.
        seed: of the run.
        update: counted from 0.
        round_: 0 is the first of an update.
    """
    drawn = draw_choices(choices, len(seeds), rng(seed, Stream.WORLDS, update, round_))
    return [Pick(choice, task, group_size) for task, choice in zip(seeds, drawn, strict=True)]


def train_tasks(picks: Sequence[Pick], update: int, round_: int = 0) -> list[TaskItem]:
    """Return the episodes of a round of an update, the first or a refill, group by group.

    Args:
        picks: the groups.
        update: counted from 0.
        round_: 0 is the first of an update.
    """
    name = f"{update}.{round_}" if round_ else str(update)
    episode = update + (round_ << 32)  # a task drawn again is played with other random numbers
    return [
        TaskItem(
            pick.env.id,
            pick.env.train_kwargs,
            pick.task,
            group=f"{name}-{place}",
            episode=episode + (pick.repeat << 44),
            member=member,
        )
        for place, pick in enumerate(picks)
        for member in range(pick.size)
    ]


def attempted(
    choices: Sequence[EnvChoice], attempts: Sequence[Attempt], update: int = 0, round_: int = 0
) -> list[TaskItem]:
    """Return the episodes of attempts: one group each, in a round of its own.

    Args:
        choices: the environments.
        attempts: at tasks of theirs.
        update: counted from 0.
        round_: as of `train_tasks`.

    Raises:
        UsageError: for an environment that the recipe does not have any more.
    """
    by_id = {choice.id: choice for choice in choices}
    gone = {attempt.env_id for attempt in attempts} - set(by_id)
    if gone:
        raise UsageError(f"a sampler asks for {', '.join(sorted(gone))}; the recipe has {', '.join(by_id)}")
    met: Counter[tuple[str, int]] = Counter()
    picks = []
    for attempt in attempts:
        task = attempt.env_id, attempt.seed
        picks.append(Pick(by_id[attempt.env_id], attempt.seed, attempt.size, met[task]))
        met[task] += 1
    beginnings = [attempt.beginning for attempt in attempts for _ in range(attempt.size)]
    tasks = train_tasks(picks, update, round_)
    return [replace(task, beginning=beginning) for task, beginning in zip(tasks, beginnings, strict=True)]


def held_out_seed(seed: int = 0) -> int:
    """Return the first evaluation seed; another `seed` gives a disjoint set of up to a million tasks."""
    return HELD_OUT + seed * 1_000_000
