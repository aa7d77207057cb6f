"""Environments in processes of their own, a few processes for many environments.

A process that hangs over the deadline is killed and its session told so; one
that dies is replaced. The other sessions it kept are rebuilt by replay when
they are next called, and cannot tell.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

import orjson

from ..errors import TurnwiseError, UsageError
from .hosts import Played

__all__ = ["DeadlineOver", "HostLost", "ProcessHost", "ProcessPool", "RemoteFault", "reason_of"]

log = logging.getLogger("turnwise.servers")

_MAX_ANSWER_BYTES = 64 << 20
_BUILD_S = 120.0


class HostLost(TurnwiseError):
    """Say that the process of an environment is gone.

    Args:
        detail: what happened.
        in_flight: whether it went during this call, which may so be the cause.
    """

    def __init__(self, detail: str, in_flight: bool) -> None:
        self.in_flight = in_flight
        super().__init__(detail)


class DeadlineOver(TurnwiseError):
    """Say that an environment took longer than it may."""


class RemoteFault(TurnwiseError):
    """Carry what an environment raised in its process.

    Args:
        reason: type and text, as they would be told had it been raised here.
        trace: the traceback over there.
    """

    def __init__(self, reason: str, trace: str) -> None:
        self.reason, self.trace = reason, trace
        super().__init__(reason)


def reason_of(error: BaseException) -> str:
    """Tell what an environment raised, the same wherever it runs."""
    return error.reason if isinstance(error, RemoteFault) else f"{type(error).__name__}: {error}"


class ProcessPool:
    """Start processes when they are needed and spread environments over them.

    Args:
        num_processes: how many there may be.
        deadline_s: how long a reset or step may take; 0 is for ever.
        memory_bytes: how much address space a process may take; 0 is no limit.
    """

    def __init__(self, num_processes: int = 2, *, deadline_s: float = 0.0, memory_bytes: int = 0) -> None:
        if num_processes < 1:
            raise UsageError(f"processes must be at least 1, got {num_processes}")
        self.deadline_s = deadline_s
        self.num_replaced = 0
        self._num, self._memory_bytes = num_processes, memory_bytes
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()

    def build(self, env_id: str, kwargs: dict[str, Any]) -> ProcessHost:
        """Build an environment in the process that keeps the fewest."""
        worker = self._pick()
        number, fingerprint = worker.request("build", 0, [env_id, kwargs], _BUILD_S)
        return ProcessHost(self, worker, number, fingerprint)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.end()

    def _pick(self) -> _Worker:
        with self._lock:
            dead = [worker for worker in self._workers if not worker.alive]
            self.num_replaced += len(dead)
            self._workers = [worker for worker in self._workers if worker.alive]
            for worker in dead:
                worker.end()
            if len(self._workers) < self._num:
                self._workers.append(_Worker(self._memory_bytes))
                return self._workers[-1]
            return min(self._workers, key=lambda worker: worker.num_hosts)


class ProcessHost:
    """Hold one environment of another process; every call blocks."""

    __slots__ = ("_number", "_pool", "_worker", "fingerprint")

    def __init__(self, pool: ProcessPool, worker: _Worker, number: int, fingerprint: str) -> None:
        self._pool, self._worker, self._number = pool, worker, number
        self.fingerprint = fingerprint

    @property
    def lost(self) -> bool:
        """Tell whether the process is gone, and the environment with it."""
        return not self._worker.alive

    def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """Start an episode."""
        observation, info = self._call("reset", [seed, options])
        return observation, info

    def step(self, action: str) -> Played:
        """Take one turn."""
        observation, reward, terminated, truncated, info = self._call("step", [action])
        return observation, reward, terminated, truncated, info

    def clone(self) -> ProcessHost:
        """Copy the environment with its state, in the same process."""
        number, fingerprint = self._call("clone", [])
        return ProcessHost(self._pool, self._worker, number, fingerprint)

    def reseed(self, seed: int) -> None:
        """Give the environment fresh randomness."""
        self._call("reseed", [seed])

    def close(self) -> None:
        """Let the process release the environment with its next request."""
        self._worker.discard(self._number)

    def _call(self, name: str, arguments: list[Any]) -> Any:
        return self._worker.request(name, self._number, arguments, self._pool.deadline_s)


class _Worker:
    """Talk to one process, one request at a time."""

    def __init__(self, memory_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "turnwise.servers.env_worker", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what environments print is bounded by being dropped
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the server, which ends its processes itself
        )
        theirs.close()
        self._connection = Connection(ours.detach())
        self._lock = threading.Lock()
        self._closed: list[int] = []
        self._gone = False
        self.num_hosts = 0
        setup = {"path": sys.path, "parent": os.getpid(), "memory_bytes": memory_bytes}
        self._connection.send_bytes(orjson.dumps(setup))

    @property
    def alive(self) -> bool:
        """Tell whether the process runs."""
        return not self._gone and self._process.poll() is None

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
            try:
                self._connection.send_bytes(orjson.dumps(message))
                if not self._connection.poll(deadline_s or None):
                    self.kill()
                    self._connection.close()
                    raise DeadlineOver(f"{name} took longer than {deadline_s:g} s")
                answer = orjson.loads(self._connection.recv_bytes(_MAX_ANSWER_BYTES))
            except (EOFError, OSError) as error:
                self.kill()
                self._connection.close()
                code = self._process.returncode
                detail = f"the process of the environment died with {code} in {name}"
                raise HostLost(detail, in_flight=True) from error
        if "fault" in answer:
            raise _fault(answer["fault"])
        if name in ("build", "clone"):
            self.num_hosts += 1
        return answer["value"]

    def discard(self, number: int) -> None:
        """Note that an environment is not needed any more."""
        self._closed.append(number)

    def kill(self) -> None:
        """Kill the process; a request in flight finds its connection at the end."""
        self._gone = True
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Kill the process and release the connection, unless a request in flight will."""
        self.kill()
        if self._lock.acquire(blocking=False):
            try:
                self._connection.close()
            finally:
                self._lock.release()


def _fault(fault: dict[str, str]) -> Exception:
    if fault["type"] in ("UsageError", "UnknownName"):
        return UsageError(fault["message"])
    return RemoteFault(f"{fault['type']}: {fault['message']}", fault["traceback"])
