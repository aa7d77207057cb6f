"""The project's own environments, each counting the steps that it is asked for.

A wanderer plays a registered environment: the number in the action picks one of
the admissible actions (or is searched for, where there are none), so that
everything follows from numbers, and every observation begins with how many
steps this instance has taken.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

from turnwise.envs.core import TextEnv
from turnwise.envs.registry import make

Result = tuple[str, float, bool, bool, dict[str, Any]]


class Wanderer(TextEnv):
    """An environment played for `length` turns; one that ends earlier stays as it is."""

    of: ClassVar[str]

    def __init__(self, length: int = 8) -> None:
        self.length = length
        self.inner = make(self.of)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.turns, self.over = 0, False
        self.observation, self.info = self.inner.reset(seed=seed, options=options)
        return f"start {self.observation}", self.info

    def step(self, action: str) -> Result:
        self.turns += 1
        reward = 0.0
        if not self.over:
            self.observation, reward, terminated, truncated, self.info = self.inner.step(self.choice(action))
            self.over = terminated or truncated
        return f"turn {self.turns} {self.observation}", reward, False, self.turns >= self.length, self.info

    def choice(self, action: str) -> str:
        """Turn "go 53" into an action of the environment."""
        number = int(action.rpartition(" ")[2])
        choices = self.info.get("admissible") or [f"search[{number}]"]
        return str(choices[number % len(choices)])

    def clone(self) -> Self:
        twin = copy.copy(self)
        twin.inner = self.inner.clone()
        return twin

    def reseed(self, seed: int) -> None:
        super().reseed(seed)
        self.inner.text_env.reseed(seed)


class Household(Wanderer):
    of = "household/mix-v0"


class Shopping(Wanderer):
    of = "shopping/generated-v0"


class Search(Wanderer):
    of = "search/generated-v1"
