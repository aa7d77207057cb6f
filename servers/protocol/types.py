"""The calls of a session service as Python types; the wire and the local service share them.

A session runs episodes numbered from 0; inside one, `turn` is the number of
steps already taken. A step names the episode and the turn it belongs to, so a
repeated request is answered from store and a wrong one is refused. Whoever
steps sessions cannot tell a service in its own process from one behind HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...ends import End
from ...errors import RequestRefused, UsageError
from ...settings import KEY_ENV


@dataclass(frozen=True, slots=True)
class CreateItem:
    """`count` sessions of an environment, to be created and reset.

    `group` gives all of them the task of `seed`; otherwise they get seed+i.
    """

    env_id: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    options: dict[str, Any] | None = None
    count: int = 1
    group: bool = False


@dataclass(frozen=True, slots=True)
class StepItem:
    """The step of one session that follows `turn` steps of `episode`."""

    id: str
    episode: int
    turn: int
    action: str


@dataclass(frozen=True, slots=True)
class ResetItem:
    """The start of `episode` of a session; repeated, it is answered from store."""

    id: str
    episode: int
    seed: int | None = None
    options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ForkItem:
    """`count` copies of a session in the state it is in.

    Without `reseed` the copies are identical and stay so; with it each gets
    fresh randomness from here on, decided by `reseed` and its number.
    """

    id: str
    count: int = 1
    reseed: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a session answers to create, reset and step."""

    id: str
    incarnation: str
    episode: int
    turn: int
    observation: str
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    end: End | None = None
    info: dict[str, Any] = field(default_factory=dict)
    env_id: str = ""
    fingerprint: str = ""
    seed: int | None = None  # the task seed of the episode

    @property
    def done(self) -> bool:
        """Tell whether the episode has ended."""
        return self.terminated or self.truncated


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one item of a batch failed (RFC 9457 plus code, given, expected, todo)."""

    status: int
    code: str
    detail: str
    id: str | None = None
    given: Any = None
    expected: Any = None
    todo: str = ""

    def as_error(self) -> RequestRefused:
        """Return the problem as what is raised where a call has one item only."""
        todo = f"set {KEY_ENV} to a key of it, or give key=..." if self.code == "unauthorized" else self.todo
        is_said = not todo or self.detail.endswith(todo)  # of a whole batch, and then of each item
        detail = self.detail if is_said else f"{self.detail}; {todo}"
        return RequestRefused(self.status, self.code, detail, self.expected)


def places_of(items: Sequence[StepItem]) -> dict[str, int]:
    """Return the place of each session among items.

    Raises:
        UsageError: if a session is named twice.
    """
    places = {item.id: place for place, item in enumerate(items)}
    if len(places) < len(items):
        twice = next(item.id for place, item in enumerate(items) if places[item.id] != place)
        raise UsageError(f"session {twice!r} is named twice: its steps follow one another, one call each")
    return places
