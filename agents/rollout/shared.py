"""What all episodes of a rollout share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..batching import BusyClock
from ..policy import AgentSettings, Policy
from ..types import Generation
from .breaker import Beginnings, Breaker
from .config import RolloutConfig
from .gate import Gate, standing_still
from .journal import Journal
from .lockstep import LockStep, Phase
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
    journal: Journal
    at_message: AtMessage | None = None  # awaited between a message and its step
    with_prompts: bool = False  # whether trajectories keep prompts in words, and their session

    async def wait(self, phase: Phase, slot: int, name: str, deadline: asyncio.Timeout | None) -> None:
        """Wait for the others in lock-step, and while all are held; the deadline stands still meanwhile.

        Args:
            phase: what the episode will wait for next.
            slot: its number in lock-step.
            name: its name.
            deadline: its own; None: it has none.
        """
        board = self.gate.board
        if self.lockstep or not self.gate.is_open:
            board.at(name, "others")
            with standing_still(deadline):
                if self.lockstep:
                    await self.lockstep.wait(phase, slot)
                await self.gate.passed()
        board.at(name, phase)
