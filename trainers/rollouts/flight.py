"""Groups in flight: what was planned, what has ended and what was taken; each group is taken once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...agents.rollout import RolloutResult, TaskItem
from ...agents.rollout.board import Board
from ...agents.rollout.gate import Gate
from ...agents.types import Trajectory
from ...errors import CheckpointError, TrainingError
from .mixture import EnvChoice
from .samplers import Group
from .tasks import Pick, train_tasks


@dataclass(frozen=True, slots=True)
class Plan:
    """The groups of the first round of an update.

    Args:
        update: counted from 0.
        picks: the groups.
        figures: of the chooser, for the log.
        left: the places of those that are to be played; None: all. A resumed run plays what was in flight.
    """

    update: int
    picks: tuple[Pick, ...]
    figures: Mapping[str, float] = field(default_factory=dict)
    left: frozenset[int] | None = None

    @property
    def tasks(self) -> list[TaskItem]:
        """Return the episodes that are to be played, group by group."""
        places = range(len(self.picks)) if self.left is None else sorted(self.left)
        names = {group_name(self.update, place) for place in places}
        return [task for task in train_tasks(self.picks, self.update) if task.group in names]

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        left = range(len(self.picks)) if self.left is None else self.left
        return {
            "update": self.update,
            "picks": [[pick.env.id, pick.task, pick.size, pick.repeat] for pick in self.picks],
            "left": sorted(left),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any], choices: Sequence[EnvChoice]) -> Plan:
        """Return the plan of a document.

        Raises:
            CheckpointError: if it is none, or of environments that are not there.
        """
        known = {choice.id: choice for choice in choices}
        try:
            picks = tuple(
                Pick(known[str(id)], int(task), int(size), int(repeat))
                for id, task, size, repeat in document["picks"]
            )
            return cls(int(document["update"]), picks, {}, frozenset(map(int, document["left"])))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"groups in flight: {document!r:.200} cannot be read: {error!r}") from error


def group_name(update: int, place: int) -> str:
    """Return the name of a group of the first round of an update, as `train_tasks` gives it."""
    return f"{update}-{place}"


class Flight:
    """The groups of one plan while they are played.

    Args:
        plan: which.
        version: of the weights as they begin.
        board: where its episodes stand.
        moved: called when an episode has ended, and when all have.
    """

    def __init__(self, plan: Plan, version: int, board: Board | None, moved: Callable[[], None]) -> None:
        self.plan, self.version = plan, version
        self.tasks = plan.tasks
        self.gate = Gate(board)
        self._moved = moved
        self.num_left = len(self.tasks)  # episodes that have not ended
        self._playing: asyncio.Task[RolloutResult] | None = None
        self._size = Counter(task.group for task in self.tasks)
        self._played: dict[str, dict[int, Trajectory]] = {name: {} for name in self._size}

    def begin(self, playing: Coroutine[Any, Any, RolloutResult]) -> None:
        """Let the episodes be played."""
        self._playing = asyncio.create_task(playing)
        self._playing.add_done_callback(lambda _: self._moved())

    async def played(self) -> RolloutResult:
        """Wait until all is played.

        Raises:
            TurnwiseError: whatever ended it.
        """
        assert self._playing is not None, "never begun"
        return await self._playing

    async def cut_short(self) -> None:
        """End what is under way."""
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)

    def keep(self, place: int, trajectory: Trajectory) -> None:
        """Keep an episode that has ended.

        Raises:
            TrainingError: if it is none of those that are awaited, or comes again.
        """
        task = self.tasks[place]
        group = self._played.get(trajectory.group)
        if group is None or trajectory.group != task.group or trajectory.member != task.member:
            raise TrainingError(
                f"episode {trajectory.name} came for {task.group}#{task.member}, which update "
                f"{self.plan.update} let play: it is another's, or its group was taken already and would "
                "count twice"
            )
        if place in group:
            raise TrainingError(f"episode {trajectory.name} came twice: its group would count double")
        group[place] = trajectory
        self.num_left -= 1
        self._moved()

    @property
    def is_over(self) -> bool:
        """Tell whether nothing of it is played any more."""
        return self._playing is not None and self._playing.done()

    @property
    def names(self) -> list[str]:
        """Return the groups that were not taken, those without an episode in the end left out."""
        return [name for name, group in self._played.items() if group or not self.is_over]

    def ended(self) -> list[str]:
        """Return the groups that have ended and were not taken, in the order of the plan.

        Where a member never played, which a plan that branches may leave so, that is known once all is over.
        """
        return [name for name in self.names if self.is_over or len(self._played[name]) == self._size[name]]

    def take(self, name: str) -> Group:
        """Take a group out.

        Raises:
            TrainingError: if it is not there, or was taken already.
        """
        if name not in self._played:
            raise TrainingError(f"group {name} was taken already: it would count twice")
        group = self._played.pop(name)
        return tuple(group[place] for place in sorted(group))

    def left(self) -> Plan:
        """Return the plan of what was not taken yet."""
        number, names = self.plan.update, set(self.names)
        places = (p for p in range(len(self.plan.picks)) if group_name(number, p) in names)
        return replace(self.plan, left=frozenset(places))
