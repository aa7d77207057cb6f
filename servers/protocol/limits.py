"""How much one request, one session and one server may take."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated

from ...errors import UsageError
from ...settings import Setting


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests one key may make.

    Raises:
        UsageError: if a value is too small, or one bounds nothing.
    """

    max_rate: Annotated[float, Setting("Most requests of one key a second; 0: no limit.")] = 0.0
    max_burst: Annotated[
        int, Setting("How many of them may come at the same time; 0: as many as in a second.")
    ] = 0

    def __post_init__(self) -> None:
        _check_least("max_rate", self.max_rate, 0)
        _check_least("max_burst", self.max_burst, 0)
        if self.max_burst and not self.max_rate:
            raise UsageError(f"max_burst {self.max_burst} bounds nothing without max_rate")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of sizes, counts and times of a service.

    Args:
        max_body_bytes: the longest request body.
        max_action_chars: the longest action.
        max_depth: the deepest nesting of a JSON body.
        max_batch: the most items, or sessions, of one request.
        max_requests: how many answers to create and fork are kept for repetition.
        max_answer_bytes: how long these may be together.
        max_turns: the most turns of an episode; longer ones are truncated.
        max_wait_s: the longest that a call may ask to wait.

    Raises:
        UsageError: if a value is too small.
    """

    max_sessions: Annotated[int, Setting("Most open sessions.")] = 16_384
    max_sessions_per_key: Annotated[int, Setting("Most open sessions of one key; 0: no limit.")] = 0
    rate: Rate = field(default_factory=Rate)
    ttl_s: Annotated[float, Setting("Seconds after which an idle session is closed.", name="ttl")] = 1800.0
    max_body_bytes: int = 8 << 20
    max_action_chars: int = 65_536
    max_depth: int = 16
    max_batch: int = 1024
    max_requests: int = 4096
    max_answer_bytes: int = 64 << 20
    max_turns: int = 10_000
    max_wait_s: float = 300.0

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self) if each.name != "rate"):
            least = 0 if name == "max_sessions_per_key" else 1e-3 if name.endswith("_s") else 1
            _check_least(name, getattr(self, name), least)


def _check_least(name: str, value: float, least: float) -> None:
    if not value >= least:  # nor nan
        raise UsageError(f"{name} must be at least {least:g}, got {value!r}")
