"""The sessions of one rollout: opened, stepped and reset in batches, and always closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from ...errors import EnvironmentFault, RequestRefused, ServerError, UsageError
from ...servers.client import SessionClient
from ...servers.protocol.problems import TASK_REFUSED
from ...servers.protocol.types import (
    CreateItem,
    ForkItem,
    Problem,
    Reply,
    ResetItem,
    StepItem,
)
from ...servers.sessions.taken import TAKEN
from ..batching import Batcher, BusyClock, answers_in_order
from .breaker import TaskRefused
from .config import TaskItem

_CLOSE_WAIT_S = 10.0
_USAGE_CODES = frozenset({"unknown_environment", "not_allowed", "invalid_request", "too_large"})

log = logging.getLogger(__name__)


class TakenOver(Exception):
    """The word of the service that an operator plays a session now."""


@dataclass(frozen=True, slots=True)
class IdleSession:
    """An open session that has finished an episode and may start another."""

    id: str
    episode: int
    env_id: str
    kwargs: dict[str, Any]

    def fits(self, task: TaskItem) -> bool:
        """Tell whether the session's environment is the one of a task."""
        return self.env_id == task.env_id and self.kwargs == task.kwargs


class SessionPool:
    """The sessions of a rollout: what its episodes ask of a service goes out in batches.

    Args:
        client: the service.
        clock: runs while a call is under way.
        options: options of every reset, beside the task's own.
        max_batch: the most items of one call.
        as_done: go on with a session as soon as its own step is done, so that a slow
            environment holds up no other; else with all of a batch together.
    """

    def __init__(
        self,
        client: SessionClient,
        clock: BusyClock,
        options: dict[str, Any],
        max_batch: int,
        as_done: bool = False,
    ) -> None:
        self._client = client
        self._clock = clock
        self._options = options
        self._open: set[str] = set()
        self._idle: list[IdleSession] = []
        self._creating: Batcher[TaskItem, Reply | Problem] = Batcher(
            answers_in_order(self._create), max_batch
        )
        self._resetting: Batcher[ResetItem, Reply | Problem] = Batcher(
            answers_in_order(self._reset), max_batch
        )
        self._stepping: Batcher[StepItem, Reply | Problem] = Batcher(
            self._step_as_done if as_done else answers_in_order(self._step), max_batch
        )
        self._forking: Batcher[ForkItem, Reply | Problem] = Batcher(answers_in_order(self._fork), max_batch)

    async def take_idle(self, task: TaskItem) -> IdleSession | None:
        """Return an idle session that fits a task, if there is one; else close one to make room."""
        place = next((place for place, session in enumerate(self._idle) if session.fits(task)), None)
        if place is not None:
            return self._idle.pop(place)
        if self._idle:
            await self.close(self._idle.pop(0).id)
        return None

    def keep_idle(self, task: TaskItem, last: Reply) -> None:
        """Keep the session of a task that has ended, for another one; `last` is its last reply."""
        self._idle.append(IdleSession(last.id, last.episode, task.env_id, task.kwargs))

    async def start(self, task: TaskItem, idle: IdleSession | None) -> Reply:
        """Start an episode of a task, in an idle session or in a new one.

        Raises:
            TaskRefused: if this task never can be.
            EnvironmentFault: if this episode cannot be started.
            UsageError: if no episode of this environment can be.
            ServerError: if the service fails or refuses.
        """
        if idle is None:
            reply = await self._creating.call(task)
            if isinstance(reply, Problem):
                raise _creation_error(task, reply)
            return reply
        item = ResetItem(idle.id, idle.episode + 1, task.seed, self._all_options(task))
        return _replied(await self._resetting.call(item), task.env_id)

    async def step(self, item: StepItem, env_id: str) -> Reply:
        """Take one step.

        Raises:
            TakenOver: if an operator has taken the session over.
            EnvironmentFault: if the service has no reply to it.
            ServerError: if the service fails.
        """
        return _replied(await self._stepping.call(item), env_id)

    async def ask(self, item: StepItem) -> Reply | Problem:
        """Ask for a step that was taken before, to be told where its session stands.

        Raises:
            ServerError: if the service fails.
        """
        return await self._stepping.call(item)

    async def standing(self, id: str) -> tuple[int, int] | None:
        """Return in which episode and turn a session stands; None if it is not there.

        Raises:
            ServerError: if the service fails.
        """
        try:
            document = await self._client.describe(id)
        except RequestRefused:
            return None
        return document["episode"], document["turn"]

    def hold(self, ids: Iterable[str]) -> None:
        """Take over sessions that an earlier process has opened, to be closed in the end."""
        self._open.update(ids)

    async def fork(self, id: str, reseed: int, env_id: str) -> Reply:
        """Open a session in the state that another is in, with random numbers of its own.

        Raises:
            TakenOver: if an operator has taken the session over.
            EnvironmentFault: if the service has no copy to give.
            ServerError: if the service fails.
        """
        return _replied(await self._forking.call(ForkItem(id, count=1, reseed=reseed)), env_id)

    def leave(self, id: str) -> None:
        """Leave a session to the operator who has taken it over."""
        self._open.discard(id)
        self._client.leave([id])

    async def close(self, id: str) -> None:
        """Close one session; one that cannot be closed is left to its lease."""
        self._open.discard(id)
        try:
            await self._client.close([id])
        except ServerError as error:
            log.warning("session %s is left to its lease: %s", id, error)

    def leave_all(self) -> None:
        """Leave whatever is open to its lease, for a rollout that goes on later in another process."""
        self._resetting.abandon()
        self._stepping.abandon()
        self._open.clear()

    async def close_all(self) -> None:
        """Close whatever is open, also what is only being created; waits a bounded time."""
        self._resetting.abandon()
        self._stepping.abandon()
        try:
            async with asyncio.timeout(_CLOSE_WAIT_S):
                await self._creating.settle()
                await self._forking.settle()
        except TimeoutError:
            log.warning("sessions that are still being created are left to their leases")
        try:
            async with asyncio.timeout(_CLOSE_WAIT_S):
                if self._open:
                    await self._client.close(sorted(self._open))
        except (TimeoutError, ServerError) as error:
            log.warning("%d sessions are left to their leases: %s", len(self._open), error or "no answer")
        self._open.clear()

    def _all_options(self, task: TaskItem) -> dict[str, Any] | None:
        return {**self._options, **task.options} or None

    async def _create(self, tasks: list[TaskItem]) -> Sequence[Reply | Problem]:
        items: list[CreateItem] = []
        for task in tasks:
            item = CreateItem(
                task.env_id, task.kwargs, task.seed, self._all_options(task), count=1, group=True
            )
            if items and _same_task(items[-1], item):
                items[-1] = replace(item, count=items[-1].count + 1)
            else:
                items.append(item)
        with self._clock:
            answers = await self._client.create(items, request_id=uuid4().hex)
        self._open.update(answer.id for answer in answers if isinstance(answer, Reply))
        return answers

    async def _reset(self, items: list[ResetItem]) -> Sequence[Reply | Problem]:
        with self._clock:
            return await self._client.reset(items)

    async def _step_as_done(self, items: list[StepItem]) -> AsyncGenerator[tuple[int, Reply | Problem], None]:
        with self._clock:
            async with aclosing(self._client.step_each(items)) as answers:
                async for answer in answers:
                    yield answer

    async def _step(self, items: list[StepItem]) -> Sequence[Reply | Problem]:
        with self._clock:
            return await self._client.step(items)

    async def _fork(self, items: list[ForkItem]) -> Sequence[Reply | Problem]:
        with self._clock:
            answers = await self._client.fork(items, request_id=uuid4().hex)
        self._open.update(answer.id for answer in answers if isinstance(answer, Reply))
        return answers


def _same_task(first: CreateItem, second: CreateItem) -> bool:
    return replace(first, count=second.count) == second


def _replied(answer: Reply | Problem, env_id: str) -> Reply:
    if isinstance(answer, Problem) and answer.code == TAKEN:
        raise TakenOver(answer.detail)
    if isinstance(answer, Problem):
        raise EnvironmentFault(f"{env_id}: {answer.code}: {answer.detail}")
    return answer


def _creation_error(task: TaskItem, problem: Problem) -> Exception:
    if problem.code == TASK_REFUSED:
        return TaskRefused(f"{' '.join(problem.detail.split())} (seed {task.seed})")
    if problem.code in _USAGE_CODES:
        return UsageError(problem.detail)
    if problem.status >= 500 or problem.code == "environment_failed":
        return EnvironmentFault(f"{task.env_id} with seed {task.seed}: {problem.detail}")
    return RequestRefused(problem.status, problem.code, f"{problem.detail}; {problem.todo}", problem.expected)
