"""Environments in processes of their own, a few processes for many environments.

A process runs on this machine or in a container, as its launcher has it.

A process that hangs over the deadline is killed and its session ends so; one
that dies is replaced. The other sessions it kept are rebuilt by replay when
they are next called, and cannot tell.
"""

from __future__ import annotations

import threading
from typing import Any

import orjson

from ...errors import TurnwiseError, UsageError
from .channel import Channel
from .hosts import Played
from .launchers import Launched, Launcher, ProcessLauncher

_MAX_ANSWER_BYTES = 64 << 20
_BUILD_S = 120.0


class HostLost(TurnwiseError):
    """The process of an environment is gone.

    Args:
        detail: what happened.
        in_flight: whether it went during this call, which may so be the cause.
    """

    def __init__(self, detail: str, in_flight: bool) -> None:
        self.in_flight = in_flight
        super().__init__(detail)


class DeadlineOver(TurnwiseError):
    """An environment took longer than it may."""


class RemoteFault(TurnwiseError):
    """What an environment raised in its process.

    Args:
        reason: type and text, as they would be given had it been raised here.
        trace: the traceback over there.
    """

    def __init__(self, reason: str, trace: str) -> None:
        self.reason, self.trace = reason, trace
        super().__init__(reason)


def reason_of(error: BaseException) -> str:
    """Tell what an environment raised, the same wherever it runs."""
    return error.reason if isinstance(error, RemoteFault) else f"{type(error).__name__}: {error}"


class ProcessPool:
    """Processes, started when they are needed, over which environments are spread.

    Args:
        launcher: how they are started; as processes of this machine by default.
        num_processes: how many there may be.
        deadline_s: how long a reset or step may take; 0 is for ever.
    """

    def __init__(
        self, launcher: Launcher | None = None, num_processes: int = 2, *, deadline_s: float = 0.0
    ) -> None:
        if num_processes < 1:
            raise UsageError(f"processes must be at least 1, got {num_processes}")
        self.deadline_s = deadline_s
        self.num_replaced = 0
        self._launcher, self._num = launcher or ProcessLauncher(), num_processes
        self._processes: list[EnvProcess] = []
        self._lock = threading.Lock()

    def build(self, env_id: str, kwargs: dict[str, Any]) -> ProcessHost:
        """Build an environment in the process that keeps the fewest."""
        process = self._pick()
        number, fingerprint = process.request("build", 0, [env_id, kwargs], _BUILD_S)
        return ProcessHost(self, process, number, fingerprint)

    def describe(self, env_ids: list[str]) -> dict[str, Any]:
        """Ask a process for its `version` and for the descriptions of `envs`, as it has them.

        Raises:
            HostLost: if it does not start.
            UsageError: if it has not all of them.
        """
        described: dict[str, Any] = self._pick().request("describe", 0, env_ids, _BUILD_S)
        return described

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            processes, self._processes = self._processes, []
        for process in processes:
            process.end()
        self._launcher.close()

    def _pick(self) -> EnvProcess:
        with self._lock:
            dead = [process for process in self._processes if not process.alive]
            self.num_replaced += len(dead)
            self._processes = [process for process in self._processes if process.alive]
            for process in dead:
                process.end()
            if len(self._processes) < self._num:
                self._processes.append(EnvProcess(self._launcher))
                return self._processes[-1]
            return min(self._processes, key=lambda process: process.num_hosts)


class ProcessHost:
    """One environment of another process; every call blocks."""

    __slots__ = ("_number", "_pool", "_process", "fingerprint")

    def __init__(self, pool: ProcessPool, process: EnvProcess, number: int, fingerprint: str) -> None:
        self._pool, self._process, self._number = pool, process, number
        self.fingerprint = fingerprint

    @property
    def lost(self) -> bool:
        """Tell whether the process is gone, and the environment with it."""
        return not self._process.alive

    def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """Start an episode."""
        observation, info = self._call("reset", [seed, options])
        return observation, info

    def step(self, action: str) -> Played:
        """Take one turn."""
        return _played(self._call("step", [action]))

    def clone(self) -> ProcessHost:
        """Copy the environment with its state, in the same process."""
        number, fingerprint = self._call("clone", [])
        return ProcessHost(self._pool, self._process, number, fingerprint)

    def reseed(self, seed: int) -> None:
        """Give the environment fresh randomness."""
        self._call("reseed", [seed])

    def close(self) -> None:
        """Let the process release the environment with its next request."""
        self._process.discard(self._number)

    def _call(self, name: str, arguments: list[Any]) -> Any:
        return self._process.request(name, self._number, arguments, self._pool.deadline_s)


class EnvProcess:
    """One process that keeps environments, started with the first request, asked one thing at a time."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._launched: Launched | None = None
        self._lock = threading.Lock()
        self._closed: list[int] = []
        self._gone = False
        self.num_hosts = 0

    @property
    def alive(self) -> bool:
        """Tell whether the process runs, or has yet to be started."""
        return not self._gone and (self._launched is None or not self._launched.channel.at_end)

    def request(self, name: str, number: int, arguments: list[Any], deadline_s: float) -> Any:
        """Make one call; the deadline counts from when the process is free for it.

        Raises:
            HostLost: if the process is gone, or goes meanwhile.
            DeadlineOver: if it took too long; the process is killed.
            RemoteFault: if the environment raised.
            UsageError: if it refused its arguments.
        """
        with self._lock:
            if not self.alive:
                raise HostLost("the process of the environment is gone", in_flight=False)
            closed, self._closed = self._closed, []
            self.num_hosts -= len(closed)
            message = {"call": name, "host": number, "arguments": arguments, "closed": closed}
            answer = self._ask(name, orjson.dumps(message), deadline_s)
        if "fault" in answer:
            raise _fault(answer["fault"])
        if name in ("build", "clone"):
            self.num_hosts += 1
        return answer["value"]

    def discard(self, number: int) -> None:
        """Note that an environment is not needed any more."""
        self._closed.append(number)

    def end(self) -> None:
        """Kill the process and release the line to it, unless a request in flight will."""
        self._kill()
        if self._lock.acquire(blocking=False):
            try:
                self._hang_up()
            finally:
                self._lock.release()

    def _ask(self, name: str, message: bytes, deadline_s: float) -> dict[str, Any]:
        try:
            answer = orjson.loads(self._line().ask(message, _MAX_ANSWER_BYTES, deadline_s or None))
            if not isinstance(answer, dict) or not {"value", "fault"} & answer.keys():
                raise ValueError(f"an answer that is not one: {str(answer)[:100]!r}")
            return answer
        except TimeoutError as error:
            self._kill()
            self._hang_up()
            raise DeadlineOver(f"{name} took longer than {deadline_s:g} s") from error
        except (EOFError, OSError, ValueError) as error:
            how = self._kill()
            self._hang_up()
            why = f": {error}" if str(error) else ""
            detail = f"the process of the environment died in {name} ({how}){why}"
            raise HostLost(detail, in_flight=True) from error

    def _line(self) -> Channel:
        if self._launched is None:
            self._launched = self._launcher.launch()
            if self._gone:  # it was ended meanwhile
                raise EOFError
            self._launched.channel.tell(orjson.dumps(self._launcher.setup), _BUILD_S)
        return self._launched.channel

    def _kill(self) -> str:
        """Kill the process; a request in flight finds its line at the end."""
        self._gone = True
        return self._launched.kill() if self._launched is not None else "it never started"

    def _hang_up(self) -> None:
        if self._launched is not None:
            self._launched.channel.close()


def _played(answer: Any) -> Played:
    """Check the types of a step; what runs in the process is not to be trusted with them."""
    match answer:
        case [str(observation), int() | float() as reward, bool(terminated), bool(truncated), dict(info)]:
            return observation, reward, terminated, truncated, info
    raise RemoteFault(f"ValueError: the process answered a step with {str(answer)[:100]!r}", "")


def _fault(fault: dict[str, str]) -> Exception:
    if fault["type"] in ("UsageError", "UnknownName"):
        return UsageError(fault["message"])
    return RemoteFault(f"{fault['type']}: {fault['message']}", fault["traceback"])
