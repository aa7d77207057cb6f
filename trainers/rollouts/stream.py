"""The stream of groups: those of the next updates are played while the learner works.

At update n, under a staleness of K, the groups of the updates up to n + K are in flight: at most
(1 + K) * num_groups, those that have ended and wait among them. The learner takes as many as its update has,
of those that have ended the older ones first; one that lasts longer than others comes later. Under a
staleness of 0 nothing is played before its update or after it: that is the synchronous run.

The bound is that of AReaL (arXiv 2505.24298, staleness-aware training). There a generation that would be
older waits; here what has become older is masked token by token where it is packed (learner/sequences.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ...agents.rollout import RolloutResult, RolloutStats
from ...agents.rollout.board import Board
from ...errors import TrainingError
from .choosers.memory import TaskMemory
from .flight import Flight, Plan
from .samplers import Group

Tasks = Mapping[str, TaskMemory]
MakePlan = Callable[[int, Tasks], tuple[Plan, Tasks]]
"""Of an update and what is remembered of the tasks: its groups, and what is remembered from here on."""
Play = Callable[[Flight], Coroutine[Any, Any, RolloutResult]]


@dataclass(frozen=True, slots=True)
class Taken:
    """The groups that an update takes.

    Args:
        groups: the older ones first.
        stats: of their episodes, times apart.
        tasks: what is remembered of the tasks from here on.
        figures: for the log.
    """

    groups: tuple[Group, ...]
    stats: RolloutStats
    tasks: Tasks
    figures: Mapping[str, float]


class Stream:
    """What keeps groups in flight and gives them to one update after the other.

    Args:
        plan: makes the groups of an update; called once for each, in order.
        play: plays the episodes of a flight.
        num_groups: those of an update.
        slots: episodes under way at once, those of all flights together.
        staleness: how many updates ahead groups are played.
        left: what was in flight when the run was cut short; it is played again.
    """

    def __init__(
        self,
        plan: MakePlan,
        play: Play,
        num_groups: int,
        slots: int,
        staleness: int = 0,
        left: Sequence[Plan] = (),
    ) -> None:
        self._plan, self._play, self._num_groups = plan, play, num_groups
        self.slots, self.staleness = slots, staleness
        self._left = list(left)
        self._next = max((plan.update + 1 for plan in left), default=0)  # the first update without a plan
        self._figures: dict[int, Mapping[str, float]] = {}  # of updates that have not come
        self._flights: list[Flight] = []
        self._lent: tuple[int, list[Plan]] = -1, []  # what was in flight as the last update took its groups
        self.board = Board()
        self._moved = asyncio.Event()

    async def take(self, update: int, tasks: Tasks) -> Taken:
        """Return the groups of an update, and begin those of the updates that may be ahead of it.

        Args:
            update: counted from 0; the version of the weights, too.
            tasks: what is remembered of them.

        Raises:
            TrainingError: if a group would count twice, or a token bears a version that cannot be.
        """
        replayed = sum(len(plan.left or ()) for plan in self._left)
        for plan in self._left:
            self._begin(plan, update)
        self._left = []
        for number in range(max(self._next, update), update + self.staleness + 1):
            plan, tasks = self._plan(number, tasks)
            self._next, self._figures[number] = number + 1, plan.figures
            self._begin(plan, update)
        in_flight = sum(len(flight.names) for flight in self._flights)
        self._lent = update, self._whole()
        groups, stats = await self._ended(self._wanted(update), update)
        figures = dict(self._figures.pop(update, {}))
        if self.staleness:
            figures |= {"stream/in_flight": float(in_flight), "stream/replayed": float(replayed)}
        return Taken(groups, stats, tasks, figures)

    def in_flight(self, update: int) -> list[Plan]:
        """Return what a run would play again that goes on with an update.

        What that update has taken is part of it, since it was not learned from.
        """
        if not self.staleness:
            return []  # each update plans anew
        number, plans = self._lent
        return plans if update == number else self._whole()

    def _whole(self) -> list[Plan]:
        """Return what was planned and not taken yet."""
        return [*self._left, *(flight.left() for flight in self._flights if flight.names)]

    async def aclose(self) -> None:
        """End what is under way."""
        for flight in self._flights:
            await flight.cut_short()

    def _wanted(self, update: int) -> int:
        """Return how many groups an update takes: as many as were planned for it."""
        for flight in self._flights:
            if flight.plan.update == update:
                return len(flight.plan.picks)
        return self._num_groups

    def _begin(self, plan: Plan, version: int) -> None:
        flight = Flight(plan, version, self.board, self._has_moved)
        self._flights.append(flight)
        self._share_slots()
        flight.begin(self._play(flight))

    def _has_moved(self) -> None:
        self._share_slots()
        self._moved.set()

    def _share_slots(self) -> None:
        """Give older flights what slots there are; in each one group at least may be under way."""
        left = self.slots
        for flight in self._flights:
            flight.gate.slots = max(1, left)
            left -= flight.num_left
            flight.gate.changed()

    async def _ended(self, wanted: int, update: int) -> tuple[tuple[Group, ...], RolloutStats]:
        """Return the first groups that have ended, and wait until there are enough."""
        while True:
            found = [(flight, name) for flight in self._flights for name in flight.ended()]
            over = [flight for flight in self._flights if flight.is_over]
            for flight in over:
                await flight.played()  # raises what ended it
            if len(found) >= wanted or len(over) == len(self._flights):
                break
            self._moved.clear()
            await self._moved.wait()
        groups = tuple(_checked(flight, flight.take(name), update) for flight, name in found[:wanted])
        return groups, await self._counted(groups)

    async def _counted(self, groups: Iterable[Group]) -> RolloutStats:
        """Count what was taken, and let go of the flights of which nothing is left."""
        stats = RolloutStats()
        for trajectory in chain.from_iterable(groups):
            stats.add(trajectory)
        for flight in [each for each in self._flights if not each.names]:
            stats.retries += (await flight.played()).stats.retries
            self._flights.remove(flight)
        return stats


def _checked(flight: Flight, group: Group, update: int) -> Group:
    """Return a group that was sampled by weights that it can have met.

    Raises:
        TrainingError: if a token bears a version from before the group began, or of weights to come.
    """
    for trajectory in group:
        for turn in trajectory.own_turns:
            for span in turn.generation.versions:
                if not flight.version <= span.version <= update:
                    raise TrainingError(
                        f"{trajectory.name}, turn {turn.index}: tokens bear version {span.version} of the "
                        f"weights, but the group began under {flight.version} and was taken under {update}: "
                        "the engine labels them wrongly, or has weights of another run"
                    )
    return group
