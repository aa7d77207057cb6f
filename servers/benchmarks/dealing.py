"""How a task of a run becomes a session: once, whoever asks how often, and found again after a restart."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from ...envs.core import ENV_ERRORS
from ...envs.registry import version_of
from ..protocol.problems import Refused, draining, unknown_session
from ..sessions.journal.records import SessionRecord
from ..sessions.service import Service
from ..sessions.session import Session
from . import refusals
from .book import RunBook
from .draws import Task
from .frozen import Frozen
from .runs import Dealt, Run
from .watch import Watch

_RETRY_S = 1.0

WatchFor = Callable[[Frozen, Run, int], Watch]


class Dealing:
    """The sessions of runs.

    Args:
        service: where they live, among others.
        book: where it is noted that they were dealt.
        watch_for: makes the side of a run that a session knows.
        clock: Unix seconds.
    """

    def __init__(
        self, service: Service, book: RunBook, watch_for: WatchFor, clock: Callable[[], float]
    ) -> None:
        self._service, self._book, self._watch_for, self._clock = service, book, watch_for, clock
        self._under_way: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._tasks: dict[str, list[Task]] = {}  # of runs that are open

    async def deal(self, frozen: Frozen, run: Run, number: int) -> None:
        """Deal a task once, however many requests wait for it.

        Raises:
            Refused: if it cannot be made for now; nothing is lost.
        """
        named = (run.id, number)
        if named not in self._under_way:
            if self._service.draining:
                raise Refused(draining(), retry_after_s=5.0)
            await self._service.commit()  # with a journal that cannot be written nothing new begins
        if number < len(run.dealt):
            return
        if named not in self._under_way:
            self._release(run)
            self._under_way[named] = asyncio.ensure_future(self._make(frozen, run, number))
            self._under_way[named].add_done_callback(lambda done: self._made(named, done))
        await asyncio.shield(self._under_way[named])

    async def last_reply(self, dealt: Dealt) -> bytes:
        """Return the last reply of the session of a task.

        Raises:
            Refused: if it cannot be rebuilt.
        """
        session = self._service.sessions.get(dealt.session)
        if session is None:
            raise Refused(unknown_session(dealt.session))
        if session.asleep and session.broken is None:
            await self._service.wake(session)
        if session.broken is not None:
            raise Refused(session.broken)
        await self._service.commit()
        return session.last_reply

    def restore(self, frozen: Frozen, run: Run, number: int) -> bool:
        """Hide the session of a task again, after a restart; tell whether it is there."""
        session = self._service.sessions.get(run.dealt[number].session)
        if session is None:
            return False
        session.record.hosted = self._watch_for(frozen, run, number)
        session.max_turns = frozen.benchmark.budget.turns
        return True

    def drop(self, dealt: Dealt) -> None:
        """Close the session of a task."""
        if dealt.session in self._service.sessions:
            self._service.remove([dealt.session])

    def close(self, run: Run) -> None:
        """Close the sessions of a run."""
        open_ids = [dealt.session for dealt in run.dealt if dealt.session in self._service.sessions]
        self._service.remove(open_ids)
        self._tasks.pop(run.id, None)

    def _made(self, named: tuple[str, int], done: asyncio.Task[None]) -> None:
        self._under_way.pop(named, None)
        if not done.cancelled():
            done.exception()  # seen, should nobody wait any more

    def _release(self, run: Run) -> None:
        """Let go of the environments of tasks that have ended."""
        for dealt in run.dealt:
            session = self._service.sessions.get(dealt.session)
            if session is not None and dealt.outcome is not None and session.running is None:
                session.drop_host()

    async def _make(self, frozen: Frozen, run: Run, number: int) -> None:
        if run.id not in self._tasks:
            self._tasks[run.id] = frozen.tasks(run.id)
        task = self._tasks[run.id][number]
        try:
            session = await self._begun(frozen, run, number, task)
        except (Refused, *ENV_ERRORS) as error:
            env_id = frozen.benchmark.environments[task.place].id
            self._service.environments.note(env_id, f"task {number} of run {run.id} could not be made", error)
            raise Refused(refusals.task_unavailable(run.opening.benchmark), _RETRY_S) from error
        if run.closed:
            session.drop_host()
            return
        self._admit(run, session)

    async def _begun(self, frozen: Frozen, run: Run, number: int, task: Task) -> Session:
        """Return the session of a task, with its first reply."""
        environments, env_id = self._service.environments, frozen.benchmark.environments[task.place].id
        arguments = frozen.arguments[task.place]
        host, observation, info = await environments.start(env_id, arguments, task.seed, None, None, own=True)
        try:
            if host.fingerprint != frozen.fingerprints[task.place]:
                raise Refused(refusals.task_unavailable(f"{env_id}, whose code has changed"))
            record = SessionRecord(
                id=self._service.id_prefix + secrets.token_hex(16),
                incarnation=secrets.token_hex(4),
                owner=run.opening.owner,
                env_id=env_id,
                version=version_of(env_id),
                fingerprint=host.fingerprint,
                kwargs=arguments,
                base_seed=task.seed,
                keep_private=False,
                hosted=self._watch_for(frozen, run, number),
            )
            session = Session(record, frozen.benchmark.budget.turns)
            session.take(host, environments.inline(env_id))
            session.began(0, task.seed, None, observation, info)
        except BaseException:
            host.close()
            raise
        return session

    def _admit(self, run: Run, session: Session) -> None:
        """Open the session of a task: in one commit with the note that it was dealt."""
        service, id = self._service, session.record.id
        session.touched = service.clock()
        service.sessions[id] = session
        service.ledger.add(session.record.owner, 1)
        service.journal.opened(session.record)
        self._book.note(run, "dealt", {"session": id, "at": self._clock()})
        service.metrics.count_of(session.record.env_id, "sessions_created")
