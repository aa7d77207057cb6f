"""The session service: every call of the protocol, without a transport.

A step of an environment that runs inline runs synchronously; any other is a task of
its own, which a lost connection does not cancel and a repeated request joins. The
service belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

from ...envs.core import ENV_ERRORS
from ...streams import mixed_seed
from ..isolation.catalogue import Catalogue
from ..isolation.faults import REFUSALS, DeadlineOver
from ..isolation.hosts import wait_until_closed
from ..isolation.process_pool import ProcessHost
from ..protocol.limits import Limits
from ..protocol.problems import Refused, journal_unavailable
from ..protocol.types import Problem, ResetItem, StepItem
from .counts import Ledger, LocalLedger
from .environments import Environments
from .journal.records import Journal, JournalError
from .loading import load
from .metrics import Metrics
from .moves import Moves
from .pending import Pending
from .request_memory import RequestMemory
from .session import Session
from .taken import in_hand, not_in_hand, taken_over

log = logging.getLogger("turnwise.servers")

_LEAST_CLOSE_S = 1.0  # for environments that close when the server stops


class Service:
    """The sessions of a server, and every call on them.

    Args:
        catalogue: which environments there are.
        limits: sizes, counts and times.
        journal: where sessions are recorded; memory only by default.
        clock: seconds that only ever rise.
        id_prefix: begins the id of every session made here.
        ledger: where sessions are counted.
    """

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        *,
        limits: Limits | None = None,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
        id_prefix: str = "",
        ledger: Ledger | None = None,
    ) -> None:
        self.catalogue = catalogue or Catalogue(trusted=True)
        self.limits = limits or Limits()
        self.journal = journal or Journal()
        self.clock = clock
        self.id_prefix = id_prefix
        self.ledger: Ledger = ledger or LocalLedger()
        self.sessions: dict[str, Session] = {}
        self.request_memory = RequestMemory(
            self.limits.max_requests, self.limits.max_answer_bytes, self.journal.forgotten
        )
        self.metrics = Metrics()
        self.draining = False
        self.on_room: Callable[[], None] | None = None  # called when sessions were closed
        self.environments = Environments(self.catalogue, self.metrics)
        load(self)
        self.moves = Moves(self)

    def find(self, owner: str, id: str) -> Session | None:
        """Return a session that this key may see, and renew its lease; one of a hosted run only steps."""
        session = self._playing(owner, id)
        return None if session is None or session.record.hosted is not None else session

    def runs_now(self, owner: str, id: str) -> bool:
        """Tell whether any step of a session would run synchronously; its lease is left alone."""
        session = self.sessions.get(id)
        return (
            session is not None
            and session.record.owner == owner
            and session.runs_now
            and session.running is None
            and not self.journal.failed
        )

    def step(self, owner: str, item: StepItem, hand: str = "") -> Pending:
        """Take a step, or answer it from store, or join it, or say why not; `hand` is of who took it over.

        Returns:
            the encoded reply or a problem, or the task that will give one.
        """
        session = self._playing(owner, item.id)
        if session is None:
            return self.moves.missing(owner, item.id)
        if (refusal := session.refusal()) is not None:
            return refusal
        if session.operated is not None and (refusal := session.operated.refusal(session.turn, item, hand)):
            return refusal
        if hand and session.operated is None:
            return not_in_hand(item.id)
        if session.asleep:
            return self._after(partial(self.wake, session), lambda: self.step(owner, item, hand))
        if item.episode == session.record.episode:
            if session.running is not None:
                if session.running_call == ("step", item.episode, item.turn, item.action):
                    return session.running
            elif item.turn == session.turn and session.end is None:
                if self.journal.failed:
                    return self._after(self.commit, lambda: self.step(owner, item, hand))
                if session.runs_now:
                    return self._step_now(session, item.action)
                call = ("step", item.episode, item.turn, item.action)
                return self.launch(session, call, self._step_later(session, item.action))
            if item.turn == session.turn - 1 and item.action == session.last_action:
                return session.last_reply
        return session.object_to_step(item)

    def reset(self, owner: str, item: ResetItem) -> Pending:
        """Start the next episode, or answer a repetition from store, or say why not."""
        session = self.find(owner, item.id)
        if session is None:
            return self.moves.missing(owner, item.id)
        if session.broken is not None:
            return session.broken
        if session.operated is not None and in_hand(session.operated):
            return taken_over(item.id, session.operated.reason)
        if session.asleep:
            return self._after(partial(self.wake, session), lambda: self.reset(owner, item))
        if session.repeats_reset(item):
            return session.reset_reply
        record = session.record
        seed = item.seed if item.seed is not None else mixed_seed(record.base_seed, item.episode)
        call = ("reset", item.episode, seed, item.options)
        if session.running is not None and session.running_call == call:
            return session.running
        if session.running is not None or item.episode != record.episode + 1:
            return session.object_to_reset(item)
        if self.journal.failed:
            return self._after(self.commit, lambda: self.reset(owner, item))
        return self.launch(session, call, self._reset(session, item.episode, seed, item.options))

    def close(self, owner: str, ids: Iterable[str]) -> list[str]:
        """Close sessions but those that were taken over; return which. A step that runs is let go."""
        found = {id: self.find(owner, id) for id in ids}
        closed = [id for id, session in found.items() if session and not in_hand(session.operated)]
        self.remove(closed)
        return closed

    def remove(self, ids: Sequence[str]) -> None:
        """Take sessions out, no matter who owns them."""
        for id in ids:
            session = self.sessions.pop(id)
            self.ledger.add(session.record.owner, -1)
            session.closed = True
            if session.running is None:
                session.drop_host()
            else:  # the host is at work and is released when it has finished, or taken to hang
                session.running.add_done_callback(partial(_drop_host, session))
                if isinstance(session.host, ProcessHost):
                    session.host.abandon()
        if ids:
            self.journal.closed(ids)
            self.metrics.count("sessions_closed", len(ids))
            if self.on_room is not None:
                self.on_room()

    async def commit(self) -> None:
        """Make everything that was answered durable.

        Raises:
            Refused: if the journal cannot be written; nothing is lost.
        """
        if self.journal.dirty:
            try:
                await self.journal.commit()
            except JournalError as error:
                log.error("journal not written: %s", error)
                raise Refused(journal_unavailable(str(error)), retry_after_s=1.0) from error

    def launch(
        self, session: Session, call: tuple[Any, ...], work: Coroutine[Any, Any, bytes]
    ) -> asyncio.Task[bytes | Problem]:
        """Run the work of a session as its own task; refusals become its result."""

        async def run() -> bytes | Problem:
            try:
                return await work
            except Refused as refusal:
                return refusal.problem
            finally:
                session.running, session.running_call = None, ()
                session.touched = self.clock()

        session.running_call = call
        session.running = asyncio.ensure_future(run())
        return session.running

    async def wake(self, session: Session) -> None:
        """Rebuild a session from its record, once however many calls wait for it."""
        if session.waking is None:
            session.waking = asyncio.ensure_future(self.environments.rebuild(session))
            session.waking.add_done_callback(lambda _: _awake(session))
        await asyncio.shield(session.waking)

    async def aclose(self, drain_s: float = 30.0) -> int:
        """Wait for the steps that run, make them durable, and release every environment.

        Returns:
            how many steps were still running after `drain_s` and were given up.
        """
        self.draining = True
        deadline = time.monotonic() + drain_s
        running = {session.running for session in self.sessions.values() if session.running is not None}
        if running:
            _, running = await asyncio.wait(running, timeout=drain_s)
            log.log(logging.WARNING if running else logging.DEBUG, "%d steps given up", len(running))
        try:
            await self.commit()
            self.journal.close()
        except (Refused, JournalError) as error:
            log.error("what was last answered is lost, the journal could not be written: %s", error)
        for session in self.sessions.values():
            session.drop_host()  # a step that was given up breaks off by this, which is not to be recorded
        deadline = max(time.monotonic() + _LEAST_CLOSE_S, deadline)
        await self.environments.aclose(deadline - time.monotonic())
        num = await asyncio.to_thread(wait_until_closed, deadline - time.monotonic())
        if num:
            log.warning("%d environments are left behind while they close", num)
        return len(running)

    def _playing(self, owner: str, id: str) -> Session | None:
        """Return a session of this key, and renew its lease."""
        session = self.sessions.get(id)
        if session is not None and session.record.owner == owner:
            session.touched = self.clock()
            return session
        return None

    def _step_now(self, session: Session, action: str) -> bytes:
        assert session.host is not None, "a session that runs now has a host"
        started = time.perf_counter()
        try:
            reply = session.played(action, session.host.step(action))
        except ENV_ERRORS as error:
            reply = self._failed_step(session, action, error)
        self._record_turn(session, started)
        return reply

    async def _step_later(self, session: Session, action: str) -> bytes:
        started = time.perf_counter()
        try:
            reply = session.played(action, await self.environments.step(session, action))
        except Refused:
            raise  # it could not be rebuilt, and nothing was played
        except DeadlineOver as error:
            log.warning("session %s of %s: %s", session.record.id, session.record.env_id, error)
            reply = session.fail(action, "deadline", str(error))
        except ENV_ERRORS as error:
            reply = self._failed_step(session, action, error)
        self._record_turn(session, started)
        return reply

    def _failed_step(self, session: Session, action: str, error: BaseException) -> bytes:
        record = session.record
        what = (
            f"session {record.id} of {record.env_id} failed at episode {record.episode}, turn {session.turn}"
        )
        self.environments.note(record.env_id, what, error, stepped=True)
        return session.fail(action, "error", self.environments.told(session.record, error))

    def _record_turn(self, session: Session, started: float) -> None:
        record = session.record
        if record.id in self.sessions:
            self.journal.stepped(record.id, record.episode, record.log[-1])
            if session.end is not None:
                self.journal.ended(record.id, record.episode, session.end, record.final)
                if record.hosted is not None:
                    record.hosted.ended(session.end)
        self.metrics.stepped(record.env_id, time.perf_counter() - started, session.end)

    async def _reset(
        self, session: Session, episode: int, seed: int, options: dict[str, Any] | None
    ) -> bytes:
        record = session.record
        try:
            host, observation, info = await self.environments.start(
                record.env_id, record.kwargs, seed, options, session.host
            )
            session.take(host, self.environments.inline(record.env_id))
            reply = session.began(episode, seed, options, observation, info)
        except DeadlineOver as error:
            log.warning("session %s of %s: %s", record.id, record.env_id, error)
            reply = session.fail_reset(episode, seed, options, "deadline", str(error))
        except ENV_ERRORS as error:
            self.environments.note(record.env_id, f"session {record.id} failed to reset", error)
            told, refused = self.environments.told(record, error), isinstance(error, REFUSALS)
            reply = session.fail_reset(episode, seed, options, "error", told, refused=refused)
        if record.id in self.sessions:
            self.journal.began(record)
            if session.end is not None:
                self.journal.ended(record.id, episode, session.end, record.final)
        self.metrics.count_of(record.env_id, "resets")
        return reply

    def _after(
        self, first: Callable[[], Awaitable[None]], call: Callable[[], Pending]
    ) -> asyncio.Task[bytes | Problem]:
        """Make a call once something else is done, or say why that cannot be."""

        async def first_and_call() -> bytes | Problem:
            try:
                await first()
            except Refused as refusal:
                return refusal.problem
            answer = call()
            return await asyncio.shield(answer) if isinstance(answer, asyncio.Task) else answer

        return asyncio.ensure_future(first_and_call())


def _awake(session: Session) -> None:
    session.waking = None


def _drop_host(session: Session, _: object) -> None:
    session.drop_host()
