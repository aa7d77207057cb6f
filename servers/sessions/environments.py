"""How sessions get environments: built, started, rebuilt by replay, copied.

The loss of an environment's process is mended here: what it kept is rebuilt in
another. Only when a process dies several times at the same call is that call
taken for the cause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ...envs.core import ENV_ERRORS
from ...envs.sandbox.errors import ImageError, SandboxError
from ...errors import UsageError
from ...shown import visible
from ..isolation.catalogue import Catalogue
from ..isolation.faults import REFUSALS, AllStuck, DeadlineOver, HostLost, RemoteFault, reason_of
from ..isolation.hosts import Host, LocalHost, Played
from ..isolation.process_pool import ProcessHost
from ..isolation.threads import CallThreads
from ..protocol.problems import Refused, bad_request, environments_stuck, rebuild_failed, untold
from .fault_log import FaultLog
from .journal.records import SessionRecord
from .metrics import Metrics
from .session import Diverged, Session

log = logging.getLogger("turnwise.servers")

T = TypeVar("T")
_MAX_DEATHS = 3
_MAX_TRIES = 20
_NUM_BUILDERS = 2  # more would leave little of the interpreter to the event loop
_RETRY_S = 1.0
_IN_LOG = ": its words may quote files of the server, and are in its log alone"
_CHANGED = "the environment is another one: its fingerprint was {}, now it is {}"


class Named(Protocol):
    """An environment and its arguments, as a client gave them."""

    @property
    def env_id(self) -> str:
        """Return the id."""
        ...

    @property
    def kwargs(self) -> dict[str, Any]:
        """Return the arguments."""
        ...


class Environments:
    """The environments of a catalogue, made and called.

    Args:
        catalogue: which environments there are, and how they are isolated.
        metrics: where rebuilt sessions and errors are counted.
    """

    def __init__(self, catalogue: Catalogue, metrics: Metrics) -> None:
        self.catalogue, self.metrics = catalogue, metrics
        self._faults = FaultLog()
        self._threads = CallThreads()
        self._builders = CallThreads(_NUM_BUILDERS)

    def inline(self, env_id: str) -> bool:
        """Tell whether an environment runs on the event loop."""
        return self.catalogue.isolation_of(env_id) == "inline"

    async def call(self, env_id: str, host: Host, function: Callable[..., T], *arguments: Any) -> T:
        """Make a blocking call to a host: here where it runs inline and never waits, else on a thread."""
        if self.inline(env_id) and not (isinstance(host, LocalHost) and host.waits):
            return function(*arguments)
        return await self._threads.run(function, *arguments)

    async def _apart(self, env_id: str, function: Callable[..., T], *arguments: Any) -> T:
        """Make a call that may take long: in a server never on the event loop."""
        inline = self.inline(env_id)
        if inline and self.catalogue.trusted:
            return function(*arguments)
        return await (self._builders if inline else self._threads).run(function, *arguments)

    async def build(self, env_id: str, kwargs: dict[str, Any], *, own: bool = False) -> Host:
        """Build an environment; one of the operator's own is built whatever clients may ask for.

        Raises:
            Refused: if it is not on offer, or refuses the arguments.
        """
        admitted = kwargs if own else self.catalogue.admit(env_id, kwargs)
        try:
            return await self._apart(env_id, self.catalogue.build, env_id, admitted)
        except UsageError as error:
            if not self.catalogue.reads_files(env_id, kwargs):
                raise Refused(bad_request(str(error)[:1000])) from error
            log.warning("%s refuses its arguments: %s", env_id, visible(str(error)))
            raise Refused(bad_request(f"{env_id}: {type(error).__name__}{_IN_LOG}")) from error
        except AllStuck as error:
            raise Refused(environments_stuck(str(error)), retry_after_s=_RETRY_S) from error

    def told(self, what: Named, error: BaseException) -> str:
        """Tell what an environment raised; where it reads files, not in its words, which may quote them."""
        hosted = isinstance(what, SessionRecord) and what.hosted is not None
        if hosted or self.catalogue.reads_files(what.env_id, what.kwargs):
            return reason_of(error).partition(":")[0] + _IN_LOG
        return str(error) if isinstance(error, REFUSALS) else reason_of(error)

    def note(self, env_id: str, what: str, error: BaseException, *, stepped: bool = False) -> None:
        """Count and log what an environment raised: a refusal in one line, if its caller does not get it.

        Args:
            env_id: of the environment.
            what: what happened.
            error: what it raised.
            stepped: whether it was a turn, in which nothing is a refusal.
        """
        self.metrics.count_of(env_id, "environment_errors")
        if isinstance(error, REFUSALS) and not stepped:
            level = logging.DEBUG if self.catalogue.trusted else logging.WARNING
            log.log(level, "%s: %s", what, visible(str(error)))
        else:
            self._faults.write(what, error)

    async def start(
        self,
        env_id: str,
        kwargs: dict[str, Any],
        seed: int,
        options: dict[str, Any] | None,
        host: Host | None,
        *,
        own: bool = False,
    ) -> tuple[Host, str, dict[str, Any]]:
        """Reset an environment, built first where there is none or its process is gone.

        Raises:
            Refused: see `build`.
            Exception: what the environment raises.
        """
        num_deaths, given = 0, host
        while True:
            try:
                if host is None or is_lost(host):
                    host = await self.build(env_id, kwargs, own=own)
                observation, info = await self.call(env_id, host, host.reset, seed, options)
                return host, observation, info
            except HostLost as lost:
                num_deaths += lost.in_flight
                if num_deaths >= _MAX_DEATHS:
                    raise
            except BaseException as error:
                num_deaths += _is_machines(error)
                if host is None and _is_machines(error) and num_deaths < _MAX_DEATHS:
                    continue  # what keeps the boxes may have ended while one was asked for
                if host is not None and host is not given:
                    host.close()  # built here, and nobody else knows of it
                raise

    async def step(self, session: Session, action: str) -> Played:
        """Take a turn, in a rebuilt environment where its process is gone.

        Raises:
            Refused: if it cannot be rebuilt; the session is unharmed.
            DeadlineOver: if the turn took too long.
            Exception: what the environment raises; HostLost, if its process died
                of this turn each time that it was tried.
        """
        env_id, num_deaths = session.record.env_id, 0
        while True:
            host = session.host
            assert host is not None, "a session that is awake and in an episode has a host"
            try:
                if isinstance(host, LocalHost) and host.waits and self.inline(env_id):
                    return await host.step_async(action)
                return await self.call(env_id, host, host.step, action)
            except HostLost as lost:
                log.warning("session %s of %s: %s", session.record.id, env_id, lost)
                num_deaths += lost.in_flight
                if num_deaths >= _MAX_DEATHS or session.closed:
                    raise
            await self.rebuild(session)

    async def rebuild(self, session: Session) -> None:
        """Give a session a fresh environment in the state that its record tells.

        Raises:
            Refused: with the first turn that differs, and so it stays; or for now, if
                processes went away again and again, or a file or another thing that the
                environment is built of is missing. What is said of a hosted run tells nothing of its task.
        """
        try:
            await self._rebuild(session)
        except Refused as refusal:
            if session.record.hosted is None:
                raise
            log.warning("session %s: %s", session.record.id, visible(refusal.problem.detail))
            raise Refused(untold(refusal.problem), refusal.retry_after_s) from refusal

    async def _rebuild(self, session: Session) -> None:
        record, num_late = session.record, 0
        for _ in range(_MAX_TRIES):
            try:
                fresh = await self._replayed(session)
            except (HostLost, DeadlineOver) as error:
                log.warning("session %s: %s while it was rebuilt", record.id, error)
                num_late += isinstance(error, DeadlineOver)
                if num_late >= _MAX_DEATHS:
                    break
                continue
            except Diverged as error:
                if _is_missing(error.__cause__):
                    raise Refused(rebuild_failed(record.id, error.reason), _RETRY_S) from error
                self.metrics.count("replays_diverged")
                log.error("session %s cannot be rebuilt", record.id, exc_info=error)
                raise Refused(session.break_off(error)) from error
            session.adopt(fresh, self.inline(record.env_id))
            self.metrics.count("sessions_rebuilt")
            return
        raise Refused(rebuild_failed(record.id, "the processes that keep environments went away"), _RETRY_S)

    async def _replayed(self, session: Session) -> Session:
        """Build an environment and replay a session's record on it.

        Raises:
            Refused: if none can be built for now.
            Diverged: naming the first turn that differs.
        """
        record = session.record
        try:
            host = await self.build(record.env_id, record.kwargs, own=record.hosted is not None)
        except (HostLost, DeadlineOver):
            raise
        except ENV_ERRORS as error:
            why = error.problem.detail if isinstance(error, Refused) else self.told(record, error)
            raise Refused(rebuild_failed(record.id, f"it cannot be built: {why}"), _RETRY_S) from error
        try:
            if host.fingerprint != record.fingerprint:
                reason = _CHANGED.format(record.fingerprint, host.fingerprint)
                raise Diverged(record.episode, 0, reason)
            return await self._apart(record.env_id, Session.replayed, record, session.max_turns, host)
        except Diverged as error:
            host.close()
            cause = error.__cause__
            if cause is None:
                raise
            why = f"the environment raised {self.told(record, cause)}"[:1000]
            raise Diverged(error.episode, error.turn, why) from cause
        except BaseException:
            host.close()
            raise

    async def copy(self, parent: Session, child: Session) -> None:
        """Give a child its parent's environment: cloned, or replayed where it cannot be cloned.

        Raises:
            Refused: see `rebuild`.
        """
        host, env_id = parent.host, parent.record.env_id
        assert host is not None, "only a session with a host is copied"
        try:
            child.take(await self.call(env_id, host, host.clone), self.inline(env_id))
        except ENV_ERRORS as error:
            log.info("%s cannot be cloned (%s): replayed instead", env_id, reason_of(error))
            await self.rebuild(child)

    async def aclose(self, seconds: float) -> None:
        """End the processes and threads, once environments are closed or `seconds` are over."""
        await asyncio.to_thread(self.catalogue.close, seconds)
        self._threads.close()
        self._builders.close()


def _is_machines(error: BaseException) -> bool:
    """Tell whether an environment could not be made for what the machine lacks, perhaps for now."""
    return isinstance(error, SandboxError) and not isinstance(error, ImageError)


def _is_missing(cause: BaseException | None) -> bool:
    """Tell whether a replay ended by a file, an image, or a line to elsewhere, that may be there again."""
    return isinstance(cause, OSError | ImageError) or (isinstance(cause, RemoteFault) and cause.of_files)


def is_lost(host: Host) -> bool:
    """Tell whether a host's process is gone."""
    return isinstance(host, ProcessHost) and host.lost
