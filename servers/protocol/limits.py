"""How much one request, one session and one server may take."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

from ...errors import UsageError
from ...settings import Setting

_MAY_BE_ZERO = ("max_sessions_per_key", "max_rate", "max_burst")


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
    max_rate: Annotated[float, Setting("Most requests of one key a second; 0: no limit.")] = 0.0
    max_burst: Annotated[
        int, Setting("How many of them may come at the same time; 0: as many as in a second.")
    ] = 0
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
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in _MAY_BE_ZERO else 1e-3 if field.name.endswith("_s") else 1
            if not value >= least:
                raise UsageError(f"{field.name} must be at least {least:g}, got {value!r}")
        if self.max_burst and not self.max_rate:
            raise UsageError(f"max_burst {self.max_burst} bounds nothing without max_rate")
