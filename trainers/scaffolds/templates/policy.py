"""A policy: an agent that does not do again what it has done in this episode."""

from __future__ import annotations

import random

from turnwise.agents.policies import ActionPolicy
from turnwise.agents.types import GenerationRequest


class Example(ActionPolicy):
    """An agent that tries what it has not tried yet.

    Args:
        seed: of its choices.
    """

    name = "example"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.tried: dict[tuple[int, ...], set[str]] = {}

    def act(self, request: GenerationRequest) -> str:
        """Return the action for one request; docs/policies.md has what else it holds."""
        offered = request.admissible or request.suggestions or ("look",)
        tried = self.tried.setdefault(request.key[:-1], set())  # the key names the episode, then the turn
        fresh = [action for action in offered if action not in tried] or offered
        action = random.Random(f"{self.seed} {request.key}").choice(fresh)
        tried.add(action)
        return action
