"""Environments for measuring a router: one whose step is about as much work as one of a text world."""

from __future__ import annotations

import hashlib
from typing import Any

from turnwise.envs.core import TextEnv

_ROUNDS = 120  # hashes of 1 KB: about 200 microseconds


class Working(TextEnv):
    """Hash for a while, and answer with 64 bytes."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return "begin", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        state = action.encode().ljust(1024)
        for _ in range(_ROUNDS):
            state = hashlib.sha256(state).digest().ljust(1024)
        return state[:32].hex(), 0.0, False, False, {}
