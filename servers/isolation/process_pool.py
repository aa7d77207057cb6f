"""Environments in processes of their own, a few processes for many environments.

A process runs on this machine or in a container, as its launcher has it.

A process that hangs over the deadline is killed and its session told so; one
that dies is replaced. The other sessions it kept are rebuilt by replay when
they are next called, and cannot tell. Where there is no deadline, a process in which
a call hangs is left to it, and the others are rebuilt in another one.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from ...errors import UsageError
from .faults import AllStuck, HostLost, RemoteFault
from .hosts import Played
from .kept_process import EnvProcess
from .launchers import Launcher, ProcessLauncher

_MAX_STUCK = 8


class ProcessPool:
    """Processes, started when they are needed, over which environments are spread.

    Args:
        launcher: how they are started; as processes of this machine by default.
        num_processes: how many there may be, beside at most eight in which a call hangs.
        deadline_s: how long a constructor, a reset or a step may take; 0 is for ever.
        stuck_s: after how many seconds a call is taken to hang where there is no deadline.
    """

    def __init__(
        self,
        launcher: Launcher | None = None,
        num_processes: int = 2,
        *,
        deadline_s: float = 0.0,
        stuck_s: float = 10.0,
    ) -> None:
        if num_processes < 1:
            raise UsageError(f"processes must be at least 1, got {num_processes}")
        self.deadline_s = deadline_s
        self.num_replaced = 0
        self._launcher, self._num, self._stuck_s = launcher or ProcessLauncher(), num_processes, stuck_s
        self._processes: list[EnvProcess] = []
        self._lock = threading.Lock()

    def build(self, env_id: str, kwargs: dict[str, Any]) -> ProcessHost:
        """Build an environment in the process that keeps the fewest.

        Raises:
            AllStuck: if calls hang in so many processes that no other is started.
        """
        process = self._pick()
        number, fingerprint = process.build(env_id, kwargs, self.deadline_s, self._leads_elsewhere)
        return ProcessHost(self, process, number, fingerprint)

    def describe(self, env_ids: list[str]) -> dict[str, Any]:
        """Ask a process for its `version` and for the descriptions of `envs`, as it has them.

        Raises:
            HostLost: if it does not start.
            UsageError: if it has not all of them.
        """
        return self._pick().describe(env_ids)

    def has_another(self) -> bool:
        """Tell whether one need not wait for a process in which a call hangs."""
        with self._lock:
            return not self.deadline_s and (self._may_start() or any(map(self._is_free, self._processes)))

    def close(self, seconds: float = 0.0) -> None:
        """End all processes, once they have closed their environments.

        Args:
            seconds: how long that may take.
        """
        with self._lock:
            processes, self._processes = self._processes, []
        deadline = time.monotonic() + seconds
        ends = [threading.Thread(target=process.end, args=(seconds,), daemon=True) for process in processes]
        for thread in ends:
            thread.start()
        for thread in ends:
            thread.join(max(0.0, deadline + 1.0 - time.monotonic()))
        self._launcher.close()

    def _pick(self) -> EnvProcess:
        with self._lock:
            dead = [process for process in self._processes if not process.alive]
            self.num_replaced += len(dead)
            self._processes = [process for process in self._processes if process.alive]
            for process in dead:
                process.end()
            free = list(filter(self._is_free, self._processes))
            if len(free) < self._num and self._may_start():
                self._processes.append(EnvProcess(self._launcher, self._stuck_s))
                return self._processes[-1]
            if not free:
                raise self._all_stuck()
            return min(free, key=lambda process: process.num_hosts)

    def _leads_elsewhere(self) -> bool:
        """Tell what `has_another` tells, for one who need not have this process.

        Raises:
            AllStuck: if there is no other, and no deadline that ends what hangs.
        """
        if self.deadline_s or self.has_another():
            return not self.deadline_s
        raise self._all_stuck()

    def _all_stuck(self) -> AllStuck:
        return AllStuck(f"calls hang in all {len(self._processes)} processes that keep environments")

    def _is_free(self, process: EnvProcess) -> bool:
        return self.deadline_s > 0 or not process.is_stuck  # a deadline ends what hangs

    def _may_start(self) -> bool:
        return len(self._processes) < self._num + _MAX_STUCK


class ProcessHost:
    """One environment of another process; every call blocks."""

    __slots__ = ("_moved", "_number", "_open", "_pool", "_process", "fingerprint")

    def __init__(self, pool: ProcessPool, process: EnvProcess, number: int, fingerprint: str) -> None:
        self._pool, self._process, self._number = pool, process, number
        self._open, self._moved = True, False
        self.fingerprint = fingerprint

    @property
    def lost(self) -> bool:
        """Tell whether the environment is out of reach: its process is gone, or hangs in another's call."""
        return self._moved or not self._process.alive

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
        """Have the process release the environment; this does not wait for it."""
        if self._open:
            self._open = False
            self._process.discard(self._number)

    def abandon(self) -> None:
        """Say that nobody waits for the call that runs: where it hangs its process is killed."""
        self._process.abandon(self._number)

    def _call(self, name: str, arguments: list[Any]) -> Any:
        try:
            pool = self._pool
            return self._process.request(name, self._number, arguments, pool.deadline_s, pool.has_another)
        except HostLost:
            self._moved = True
            self.close()
            raise


def _played(answer: Any) -> Played:
    """Check the types of a step; what runs in the process is not to be trusted with them."""
    match answer:
        case [str(observation), int() | float() as reward, bool(terminated), bool(truncated), dict(info)]:
            return observation, reward, terminated, truncated, info
    raise RemoteFault(f"ValueError: the process answered a step with {str(answer)[:100]!r}", "")
