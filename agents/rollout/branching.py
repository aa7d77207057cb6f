"""Rollouts in which episodes of a group branch: trees, by forks of their sessions.

A group has a fixed number of members. Some play from the start; the others wait
until a plan says that an episode branches. A branch begins in the state in which
a message was made, before that message is acted on: it has the same past and says
its own next message. Members that found no branch play from the start in the end,
if the plan fills its groups.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ...errors import EnvironmentFault, ServerError, UsageError
from ...streams import mixed_seed
from ..types import Generation, Trajectory, Turn
from .config import TaskItem
from .episode import Episode, Stage
from .sessions import Held

__all__ = ["BranchPoint", "BranchingPlan", "Grove"]

Keep = Callable[[int, Trajectory, int], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BranchPoint:
    """Be the moment between a message and its step, in which an episode may branch.

    Args:
        turns: those taken so far.
        generation: the message that will be acted on next.
        key: of the message's random numbers; equal in every run.
        vocab_size: of the policy; 0 if it does not say.
        free: members of the group that do not play yet.
    """

    turns: tuple[Turn, ...]
    generation: Generation
    key: tuple[int, ...]
    vocab_size: int
    free: int


@dataclass(frozen=True, slots=True)
class BranchingPlan:
    """Say how the episodes of a group come about.

    Args:
        num_roots: members that play from the start at once.
        num_branches: how many members part from an episode at a point; more than are free is cut.
        fill: let members that found no branch play from the start in the end.

    Raises:
        UsageError: if there is no root.
    """

    num_roots: int
    num_branches: Callable[[BranchPoint], int]
    fill: bool = True

    def __post_init__(self) -> None:
        if self.num_roots < 1:
            raise UsageError(f"a rollout plan needs at least 1 root, got {self.num_roots}")


class _Tree:
    """Hold one group while it grows."""

    def __init__(self, members: Sequence[tuple[int, TaskItem]], num_roots: int) -> None:
        self.roots = list(members[:num_roots])
        self.free = deque(members[num_roots:])
        self.alive = 0


class Grove:
    """Play groups of episodes that branch, as many groups at once as there are slots for.

    Args:
        stage: what all episodes share; its lock-step, if any, has nobody in it yet.
        plan: where episodes branch.
        tasks: numbered members; those of one group stand together.
        keep: takes the place of a task, its trajectory and how often it was played anew.
    """

    def __init__(self, stage: Stage, plan: BranchingPlan, tasks: Sequence[TaskItem], keep: Keep) -> None:
        self._stage = replace(stage, at_message=self._branch)
        self._plan, self._keep = plan, keep
        members = groupby(enumerate(tasks), lambda pair: _group(pair[1]))
        self._waiting = deque(_Tree(list(group), plan.num_roots) for _, group in members)
        self._tree_of: dict[int, _Tree] = {}  # by slot: the place of a task
        self._held: list[Held] = []
        self._branched: set[int] = set()  # slots whose episode has branches

    async def play(self, num_at_once: int) -> None:
        """Play every group; the first error that concerns all episodes ends the rollout.

        Args:
            num_at_once: groups under way.
        """
        try:
            async with asyncio.TaskGroup() as self._group:
                for _ in range(num_at_once):
                    self._begin_next()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    def _begin_next(self) -> None:
        if self._waiting:
            tree = self._waiting.popleft()
            self._plant(tree, tree.roots)

    def _plant(self, tree: _Tree, members: Sequence[tuple[int, TaskItem]]) -> None:
        for place, task in members:
            self._start(tree, Episode(self._stage, place, task))

    def _start(self, tree: _Tree, episode: Episode) -> None:
        """Let an episode take part before anything else happens, so that lock-step waits for it."""
        tree.alive += 1
        self._tree_of[episode.slot] = tree
        if self._stage.lockstep:
            self._stage.lockstep.join()
        self._group.create_task(self._play(tree, episode))

    async def _play(self, tree: _Tree, episode: Episode) -> None:
        trajectory = await self._attempt(episode)
        retries = 0
        while self._is_anew(trajectory, episode, retries):
            log.warning("playing anew: %s", trajectory.error)
            retries += 1
            episode = Episode(self._stage, episode.slot, episode.task)
            trajectory = await self._attempt(episode)
        self._keep(episode.slot, trajectory, retries)
        self._ended(tree)

    def _is_anew(self, trajectory: Trajectory, episode: Episode, retries: int) -> bool:
        """Tell whether to play an episode anew: a failed root without branches, a bounded number of times."""
        alone = episode.parent is None and episode.slot not in self._branched
        return trajectory.end == "error" and alone and retries < self._stage.config.retries

    def _ended(self, tree: _Tree) -> None:
        """Go on with what waits; the newcomers take part before the one that ended leaves."""
        tree.alive -= 1
        if tree.alive == 0 and tree.free and self._plan.fill:
            rest = list(tree.free)
            tree.free.clear()
            self._plant(tree, rest)
        elif tree.alive == 0:
            self._begin_next()
        if self._stage.lockstep:
            self._stage.lockstep.leave()

    async def _attempt(self, episode: Episode) -> Trajectory:
        if episode.parent is None:
            await episode.open(self._take(episode.task))
        try:
            await episode.run()
        finally:
            episode.forget()
        if episode.reusable:
            task = episode.task
            self._held.append(Held(episode.reply.id, episode.reply.episode, task.env_id, task.kwargs))
        elif episode.opened:
            await self._close(episode.reply.id)
        return episode.trajectory()

    def _take(self, task: TaskItem) -> Held | None:
        """Return a session that has ended and fits, if there is one."""
        place = next((i for i, held in enumerate(self._held) if held.fits(task)), None)
        return None if place is None else self._held.pop(place)

    async def _close(self, id: str) -> None:
        try:
            await self._stage.sessions.close(id)
        except ServerError as error:
            log.warning("session %s is left to its lease: %s", id, error)

    async def _branch(self, episode: Episode, generation: Generation) -> None:
        """Let members that are free go on from where an episode is, if the plan says so."""
        tree = self._tree_of[episode.slot]
        at_its_start = episode.parent is not None and len(episode.turns) == episode.branch_turn
        if at_its_start or not tree.free:  # of those that part at one point, one is asked
            return
        point = BranchPoint(
            turns=tuple(episode.turns),
            generation=generation,
            key=episode.key,
            vocab_size=int(getattr(self._stage.policy, "vocab_size", 0)),
            free=len(tree.free),
        )
        num = min(self._plan.num_branches(point), len(tree.free))
        members = [tree.free.popleft() for _ in range(num)]
        if not members:
            return
        self._branched.add(episode.slot)
        twins = await asyncio.gather(*(self._fork(episode, place, task) for place, task in members))
        for twin in twins:
            self._start(tree, twin)

    async def _fork(self, episode: Episode, place: int, task: TaskItem) -> Episode:
        """Return the episode of a branch; one that could not be forked ends with its cause at once."""
        reseed = mixed_seed(*episode.key, task.member or 0)
        try:
            reply = await self._stage.sessions.fork(episode.reply.id, reseed, task.env_id)
        except (EnvironmentFault, ServerError) as error:
            return episode.branch(place, task, f"cannot branch at turn {len(episode.turns)}: {error}")
        return episode.branch(place, task, reply)


def _group(task: TaskItem) -> tuple[str, str, int, int]:
    return task.env_id, task.group_name, task.seed, task.episode
