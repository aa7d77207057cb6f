"""Which episodes of a rollout play when: groups whose episodes may branch, by forks of their sessions.

A group has a fixed number of members. Some play from the start, the roots; the others
wait until a plan says that an episode branches. A branch begins in the state in which
a message was made, before that message is acted on: it has the same past and says its
own next message. Members that found no branch play from the start in the end, if the
plan fills its groups. Without a plan each episode is a group of one root.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ...errors import EnvironmentFault, ServerError, UsageError
from ...servers.protocol.types import Reply
from ...streams import mixed_seed
from ..types import Generation, Trajectory, Turn
from .answers import Answers
from .config import TaskItem
from .episode import Episode
from .retries import Retries
from .sessions import TakenOver
from .shared import RolloutContext

Place = int
"""Where a task stands among all tasks."""
Keep = Callable[[Place, Trajectory, int], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BranchPoint:
    """The moment between a message and its step, in which an episode may branch.

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
    """How the episodes of a group come about.

    Args:
        num_roots: members that play from the start at once.
        num_branches: how many members part from an episode at a point; more than are free is cut.
        fill: let members that found no branch play from the start in the end.
        one_by_one: let them come one after the other, so that those that are left may
            still branch from each; else all at once.

    Raises:
        UsageError: if there is no root.
    """

    num_roots: int
    num_branches: Callable[[BranchPoint], int]
    fill: bool = True
    one_by_one: bool = False

    def __post_init__(self) -> None:
        if self.num_roots < 1:
            raise UsageError(f"a rollout plan needs at least 1 root, got {self.num_roots}")


_ALONE = BranchingPlan(1, lambda point: 0)


class _Group:
    """The members of one group, and how far they have come.

    A member's slot is the lane of its group times the size of the largest group, plus
    its place in the group: the group that follows in a lane takes its slots over.
    """

    def __init__(self, members: Iterable[tuple[Place, TaskItem]], num_roots: int) -> None:
        members = list(members)
        self.size = len(members)
        self.roots = members[:num_roots]
        self.free = deque(members[num_roots:])
        self.alive = 0
        self.branched: set[int] = set()  # slots whose episode has branches
        self.shift = 0  # from a member's place to its slot

    def may_repeat(self, episode: Episode) -> bool:
        """Tell whether an episode may be played again: it is and has no branch, and could end otherwise."""
        return episode.curable and episode.parent is None and episode.slot not in self.branched


class GroupScheduler:
    """The groups of a rollout, as many at once as there are slots for.

    Args:
        shared: what all episodes share; its lock-step, if any, has nobody in it yet.
        tasks: numbered members; those of one group stand together.
        plan: where episodes branch; None plays each from its start, in no group.
        keep: takes the place of a task, its trajectory and how often it was played again.
    """

    def __init__(
        self, shared: RolloutContext, tasks: Sequence[TaskItem], plan: BranchingPlan | None, keep: Keep
    ) -> None:
        self._shared = replace(shared, at_message=self._branch)
        self._plan, self._keep = plan or _ALONE, keep
        self._retries = Retries(shared.config.retries)
        places = enumerate(tasks)
        groups = ((pair,) for pair in places) if plan is None else _together(places)
        self._waiting = deque(_Group(group, self._plan.num_roots) for group in groups)
        self._largest = max((group.size for group in self._waiting), default=1)
        self._to_come = len(tasks)  # episodes that have not begun
        self._group_of: dict[int, _Group] = {}  # by slot
        self._lanes = 0  # under way
        self._free_lanes: list[int] = []  # first slots of those that have ended

    async def play(self) -> None:
        """Play every group; the first error that concerns all episodes ends the rollout.

        Raises:
            UsageError: if an environment cannot be played at all.
            RequestRefused: if the service refuses to open sessions.
            ServerUnreachable: if no session can be opened.
            PolicyStopped: if the policy will answer nothing more.
        """
        try:
            async with asyncio.TaskGroup() as self._running:
                self._shared.gate.changed = self._fill_lanes
                self._fill_lanes()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        finally:
            self._shared.gate.changed = lambda: None
            if told := self._retries.told():
                log.warning("%s", told)

    @property
    def _most_lanes(self) -> int:
        """Return how many groups may be under way."""
        return max(1, (self._shared.gate.slots or self._shared.config.slots) // self._largest)

    def _fill_lanes(self) -> None:
        """Begin as many groups as there is room for."""
        while self._lanes < self._most_lanes and (group := self._next()):
            self._lanes += 1
            free = self._free_lanes
            self._begin_in(group, free.pop(0) if free else (self._lanes - 1) * self._largest)

    def _next(self) -> _Group | None:
        """Take out the next group that is to be played."""
        gate = self._shared.gate
        while self._waiting and not gate.ending:
            group = self._waiting.popleft()
            if gate.admits(group.roots[0][1]):
                return group
            self._to_come -= group.size
        return None

    def _lane_ended(self, first_slot: int) -> None:
        """Let the next group follow in a lane; without one, or where the lane is too many, it ends."""
        group = self._next() if self._lanes <= self._most_lanes else None
        if group is None:
            self._lanes -= 1
            self._free_lanes = sorted([*self._free_lanes, first_slot])
        else:
            self._begin_in(group, first_slot)

    def _begin_in(self, group: _Group, first_slot: int) -> None:
        group.shift = first_slot - group.roots[0][0]
        self._begin(group, group.roots)

    def _begin(self, group: _Group, members: Sequence[tuple[Place, TaskItem]]) -> None:
        for place, task in members:
            self._start(group, Episode(self._shared, place + group.shift, task))

    def _start(self, group: _Group, episode: Episode) -> None:
        """Let an episode take part before anything else happens, so that lock-step waits for it."""
        group.alive += 1
        self._to_come -= 1
        self._group_of[episode.slot] = group
        if self._shared.lockstep:
            self._shared.lockstep.join()
        self._running.create_task(self._play(group, episode))

    async def _play(self, group: _Group, episode: Episode) -> None:
        trajectory, retries = await self._attempt(episode), 0
        if episode.diverged and group.may_repeat(episode):
            episode = Episode(self._shared, episode.slot, episode.task)
            trajectory = await self._attempt(episode)
        while group.may_repeat(episode) and self._retries.wanted(trajectory, retries):
            retries += 1
            failed, episode = trajectory, Episode(self._shared, episode.slot, episode.task)
            trajectory = await self._attempt(episode)
            self._retries.done(failed, trajectory)
        self._keep(episode.slot - group.shift, trajectory, retries)
        self._ended(group)

    def _ended(self, group: _Group) -> None:
        """Go on with what waits; the newcomers take part before the one that ended leaves."""
        group.alive -= 1
        if group.alive == 0:
            num = 1 if self._plan.fill and self._plan.one_by_one else len(group.free)
            rest = [group.free.popleft() for _ in range(min(num, len(group.free)))]
            if rest and self._plan.fill:
                self._begin(group, rest)
            else:
                self._to_come -= len(rest)
                self._lane_ended(group.roots[0][0] + group.shift)
        if self._shared.lockstep:
            self._shared.lockstep.leave()

    async def _attempt(self, episode: Episode) -> Trajectory:
        if episode.parent is None:
            await episode.open()
        try:
            await episode.run()
        finally:
            episode.forget()
        if episode.reusable and self._to_come:
            self._shared.sessions.keep_idle(episode.task, episode.reply)
        elif episode.end == "operator":
            self._shared.sessions.leave(episode.reply.id)
        elif episode.is_open:
            await self._shared.sessions.close(episode.reply.id)
        return episode.trajectory()

    async def _branch(self, episode: Episode, generation: Generation) -> None:
        """Let members that are free go on from where an episode is, if the plan says so."""
        group = self._group_of[episode.slot]
        at_its_start = episode.parent is not None and len(episode.turns) == episode.branch_turn
        if at_its_start or not group.free:  # of those that part at one point, one is asked
            return
        point = BranchPoint(
            turns=tuple(episode.turns),
            generation=generation,
            key=episode.key,
            vocab_size=self._shared.policy.vocab_size,
            free=len(group.free),
        )
        num = min(self._plan.num_branches(point), len(group.free))
        members = [group.free.popleft() for _ in range(num)]
        if not members:
            return
        group.branched.add(episode.slot)
        branches = [Answers(self._shared, place + group.shift, task) for place, task in members]
        kept = [branch.part(episode.answers, _reseed(episode, branch)) for branch in branches]
        if None in kept and episode.answers.tape.is_read:
            episode.reply = await episode.answers.join(episode.reply)
        forks = (self._fork(episode, *pair) for pair in zip(branches, kept, strict=True))
        for branched in await asyncio.gather(*forks):
            self._start(group, branched)

    async def _fork(self, episode: Episode, branch: Answers, kept: Reply | None) -> Episode:
        """Return the episode of a branch; one that could not be forked ends with its cause at once."""
        try:
            reply = kept or await branch.fork(episode.answers, episode.reply, _reseed(episode, branch))
        except (EnvironmentFault, ServerError, TakenOver) as error:
            return episode.branch(branch, f"cannot branch at turn {len(episode.turns)}: {error}")
        return episode.branch(branch, reply)


def _reseed(episode: Episode, branch: Answers) -> int:
    """Return the seed of a branch's random numbers in the environment."""
    return mixed_seed(*episode.key, branch.task.member or 0)


def _together(places: Iterable[tuple[Place, TaskItem]]) -> Iterable[list[tuple[Place, TaskItem]]]:
    """Divide tasks into their groups."""

    def key(pair: tuple[Place, TaskItem]) -> tuple[str, str, int, int]:
        task = pair[1]
        return task.env_id, task.group_name, task.seed, task.episode

    return (list(group) for _, group in groupby(places, key))
