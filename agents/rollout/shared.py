"""What all episodes of a rollout share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..batching import BusyClock
from ..policy import AgentSettings, Policy
from ..types import Generation
from .breaker import Beginnings, Breaker
from .config import RolloutConfig
from .gate import Gate
from .lockstep import LockStep
from .sessions import SessionPool

AtMessage = Callable[[Any, Generation], Awaitable[None]]
"""Of an episode and the message that it will act on next."""


@dataclass(frozen=True, slots=True)
class RolloutContext:
    """What all episodes of a rollout share."""

    config: RolloutConfig
    policy: Policy
    seed: int
    asked: AgentSettings
    sessions: SessionPool
    policy_clock: BusyClock
    lockstep: LockStep | None
    conversation: Callable[[], str]  # a fresh name each time
    breaker: Breaker
    beginnings: Beginnings
    gate: Gate
    at_message: AtMessage | None = None  # awaited between a message and its step
    with_prompts: bool = False  # whether trajectories keep prompts in words, and their session
