"""Where an environment runs, and what can be asked of it there.

A host is one environment behind five blocking calls. Isolation decides who
makes the calls: `inline` makes them on the event loop, for environments that
answer in microseconds; `thread` makes them on a pool, so that a slow one holds
nobody; `process` keeps the environment in another process, so that a crash or
a hang ends one session and no other; `container` puts that process where it
reaches nothing else either.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Any, Literal, Protocol

from ...envs.core import Checked, TextEnv, from_keyboard, raise_as_fault
from ...envs.sandbox.errors import ImageError, SandboxError
from .faults import HostLost

log = logging.getLogger("turnwise.servers")

_CLOSING: set[Future[None]] = set()

Isolation = Literal["inline", "thread", "process", "container"]
Played = tuple[str, float, bool, bool, dict[str, Any]]


def isolation_of(table: Mapping[str, Isolation], env_id: str) -> Isolation:
    """Return how an environment runs; "*" in the table is for those not named."""
    return table.get(env_id) or table.get("*") or "inline"


class Host(Protocol):
    """One environment behind calls that may block."""

    fingerprint: str

    def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """Start an episode."""
        ...

    def step(self, action: str) -> Played:
        """Take one turn."""
        ...

    def clone(self) -> Host:
        """Copy the environment with its state."""
        ...

    def reseed(self, seed: int) -> None:
        """Give the environment fresh randomness."""
        ...

    def close(self) -> None:
        """Release what the environment holds."""
        ...


class LocalHost:
    """An environment of this process.

    One that waits may keep its state in a sandbox, and lose it with that: then it is built anew and
    played up to there, as after the end of a process. `closes_on_thread` says that it is closed on a
    thread of its own, because it may take its time.
    """

    __slots__ = ("closes_on_thread", "env", "fingerprint", "step")

    def __init__(self, env: Checked[TextEnv]) -> None:
        self.env = env
        self.fingerprint = env.fingerprint
        self.step = self._step if self.waits else env.step
        self.closes_on_thread = False

    @property
    def waits(self) -> bool:
        """Tell whether the environment offers `step_async`: it may wait in `reset` and `clone` too."""
        return hasattr(self.env.text_env, "step_async")

    async def step_async(self, action: str) -> Played:
        """Take one turn of an environment that waits."""
        try:
            result = await self.env.text_env.step_async(action)  # type: ignore[attr-defined]
        except SandboxError as error:
            raise _lost(error) from error
        except BaseException as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # else it is not the environment that ends this
                raise_as_fault(f"{self.env.name}.step_async", error)
            raise
        return self.env.accept(result)

    def _step(self, action: str) -> Played:
        try:
            return self.env.step(action)
        except SandboxError as error:
            raise _lost(error) from error

    def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """Start an episode."""
        try:
            return self.env.reset(seed=seed, options=options)
        except SandboxError as error:
            raise _lost(error) from error

    def clone(self) -> LocalHost:
        """Copy the environment with its state."""
        return LocalHost(self.env.clone())

    def reseed(self, seed: int) -> None:
        """Give the environment fresh randomness."""
        try:
            self.env.text_env.reseed(seed)
        except BaseException as error:
            raise_as_fault(f"{self.env.name}.reseed", error)
            raise

    def close(self) -> None:
        """Release what the environment holds; how long that takes, or that it fails, concerns nobody else."""
        if not self.closes_on_thread:
            self._close()
            return
        closed: Future[None] = Future()
        _CLOSING.add(closed)
        threading.Thread(target=self._close_apart, args=(closed,), name="turnwise-close", daemon=True).start()

    def _close_apart(self, closed: Future[None]) -> None:
        try:
            self._close()
        finally:
            _CLOSING.discard(closed)
            closed.set_result(None)

    def _close(self) -> None:
        try:
            self.env.close()
        except BaseException as error:
            if from_keyboard(error):
                raise
            log.error("%s could not be closed", self.env.name, exc_info=error)


def _lost(error: SandboxError) -> Exception:
    """Return what a failure around a sandbox is to a session: a lost environment, or the task's own fault."""
    return error if isinstance(error, ImageError) else HostLost(str(error), in_flight=True)


def wait_until_closed(seconds: float) -> int:
    """Wait for environments that are being closed on threads; return how many still are."""
    return len(wait(set(_CLOSING), seconds).not_done)
