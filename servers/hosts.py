"""Where an environment runs, and what can be asked of it there.

A host is one environment behind five blocking calls. Isolation decides who
makes the calls: `inline` makes them on the event loop, for environments that
answer in microseconds; `thread` makes them on a pool, so that a slow one holds
nobody; `process` keeps the environment in another process, so that a crash or
a hang ends one session and no other; `container` puts that process where it
reaches nothing else either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from ..envs.core import Checked, TextEnv

__all__ = ["ENV_ERRORS", "Host", "Isolation", "LocalHost", "Played", "isolation_of"]

ENV_ERRORS = (Exception, SystemExit)
"""What the code of an environment may raise: the one boundary where everything is caught."""

Isolation = Literal["inline", "thread", "process", "container"]
Played = tuple[str, float, bool, bool, dict[str, Any]]


def isolation_of(table: Mapping[str, Isolation], env_id: str) -> Isolation:
    """Return how an environment runs; "*" in the table is for those not named."""
    return table.get(env_id) or table.get("*") or "inline"


class Host(Protocol):
    """Hold one environment; every call may block."""

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
    """Hold an environment of this process."""

    __slots__ = ("env", "fingerprint", "step")

    def __init__(self, env: Checked[TextEnv]) -> None:
        self.env = env
        self.fingerprint = env.fingerprint
        self.step = env.step

    @property
    def waits(self) -> bool:
        """Tell whether the environment offers `step_async`."""
        return hasattr(self.env.text_env, "step_async")

    async def step_async(self, action: str) -> Played:
        """Take one turn of an environment that waits."""
        return self.env.accept(await self.env.text_env.step_async(action))  # type: ignore[attr-defined]

    def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """Start an episode."""
        return self.env.reset(seed=seed, options=options)

    def clone(self) -> LocalHost:
        """Copy the environment with its state."""
        return LocalHost(self.env.clone())

    def reseed(self, seed: int) -> None:
        """Give the environment fresh randomness."""
        self.env.text_env.reseed(seed)

    def close(self) -> None:
        """Release what the environment holds."""
        self.env.close()
