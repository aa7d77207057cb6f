"""What answers an episode: its tape, as far as that reaches, then its policy and its session."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import perf_counter

from ...errors import EnvironmentFault, PolicyError
from ...servers.protocol.types import Reply, StepItem
from ..policy import PolicyStopped, PromptTooLong
from ..types import Generation, GenerationRequest
from .config import TaskItem
from .gate import standing_still
from .lockstep import Phase
from .rejoining import Diverged, Past, rebuilt, stands
from .shared import RolloutContext


class Answers:
    """The answers to one attempt at a task.

    Args:
        shared: what the episodes share.
        slot: the number of the slot, which orders it in lock-step.
        task: what is played.

    Attributes:
        deadline: of the episode, which stands still while it waits for others.
        live: whether a session stands where the episode does; it does not while answers are played back.
    """

    def __init__(self, shared: RolloutContext, slot: int, task: TaskItem) -> None:
        self.shared, self.slot, self.task = shared, slot, task
        self.deadline: asyncio.Timeout | None = None
        self.tape = shared.journal.tape(task)
        self.past = Past()
        self.live = True

    async def start(self) -> Reply:
        """Return the reply that the episode begins with.

        Raises:
            TaskRefused, EnvironmentFault, UsageError, ServerError: as of SessionPool.start.
        """
        if (kept := self._play_back(Past())) is not None:
            return kept
        idle = await self.shared.sessions.take_idle(self.task)
        await self.wait("environment")
        try:
            reply = await self.shared.sessions.start(self.task, idle)
        except EnvironmentFault:
            if idle:
                await self.shared.sessions.close(idle.id)
            raise
        self.tape.began(self.task, reply)
        return reply

    def part(self, parent: Answers, reseed: int) -> Reply | None:
        """Return the reply that a branch began with, where it is kept; see `fork`."""
        return None if parent.live else self._play_back(parent.past.parted(reseed))

    async def fork(self, parent: Answers, at: Reply, reseed: int) -> Reply:
        """Let the episode branch off another one, which stands at a reply.

        Raises:
            EnvironmentFault, ServerError, TakenOver: as of SessionPool.fork.
        """
        if not parent.live:
            raise EnvironmentFault("there was no branch when it was played first")
        reply = await self.shared.sessions.fork(at.id, reseed, self.task.env_id)
        self.tape.began(self.task, reply)
        return reply

    async def step(self, at: Reply, action: str) -> tuple[Reply, float]:
        """Return the reply to an action, and the seconds that the environment took.

        Raises:
            Diverged: if the episode cannot go on from its tape.
            EnvironmentFault, ServerError, TakenOver: as of SessionPool.step.
        """
        if not self.live and (kept := self.tape.reply()) is not None:
            self.past.steps.append((action, kept))
            return kept, 0.0
        at = await self.join(at)
        await self.wait("environment")
        asked = perf_counter()
        item = StepItem(at.id, at.episode, at.turn, action)
        reply = await self.shared.sessions.step(item, self.task.env_id)
        self.tape.answered(reply)
        return reply, perf_counter() - asked

    async def message(self, at: Reply, request: GenerationRequest) -> tuple[Generation, Reply]:
        """Return the message that answers a request, and the last reply as of the session that goes on.

        Raises:
            Diverged: if the episode cannot go on from its tape.
            PolicyError: if the policy says nothing.
            ServerError: if the service fails.
        """
        if self.tape.is_read:  # before lock-step, so that the policy is asked for all together
            at = await self.join(at)
        await self.wait("policy")
        if not self.live and (kept := self.tape.message(request)) is not None:
            self.shared.breaker.made()
            return kept, at
        at = await self.join(at)
        with self.shared.policy_clock:
            said = await self._said(request)
        self.tape.said(request, said)
        return said, at

    async def join(self, at: Reply) -> Reply:
        """Let a session stand where the episode does, and return the last reply as of there.

        Raises:
            Diverged: if that cannot be.
            ServerError: if the service fails.
        """
        if self.live:
            return at
        await self.wait("environment")
        with standing_still(self.deadline):
            at = await self._joined(at)
        self.live, self.past = True, Past()
        self.tape.caught_up()
        return at

    async def wait(self, phase: Phase) -> None:
        """Wait for the others in lock-step, and while all are held; see RolloutContext."""
        name = f"{self.task.group_name}#{self.task.member or 0}"
        await self.shared.wait(phase, self.slot, name, self.deadline)

    def _play_back(self, past: Past) -> Reply | None:
        kept = self.tape.start()
        if kept is not None:
            past.first = past.first or kept
            self.past, self.live = past, False
        return kept

    async def _joined(self, at: Reply) -> Reply:
        sessions, journal = self.shared.sessions, self.shared.journal
        if self.tape.session:
            at = replace(at, id=self.tape.session[0], episode=self.tape.session[1])
        if at.id in journal.held and await stands(sessions, at, self.past):
            journal.resumed.attached += 1
            return at
        try:
            new = await rebuilt(sessions, self.task, self.past)
        except EnvironmentFault as error:
            raise Diverged(str(error)) from error
        journal.resumed.rebuilt += 1
        at = replace(at, id=new.id, incarnation=new.incarnation, episode=new.episode, turn=new.turn)
        self.tape.moved(at)
        return at

    async def _said(self, request: GenerationRequest) -> Generation:
        try:
            said = await self.shared.policy.generate(request)
        except (PolicyStopped, PromptTooLong):
            raise
        except PolicyError as error:
            self.shared.breaker.failed(error, self.task.env_id)
            raise
        self.shared.breaker.made()
        return said
