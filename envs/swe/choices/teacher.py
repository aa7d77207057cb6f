"""A clumsy player that knows the texts alone: it tries edits, often forgets to test, and gives up early.

What it does can be learned from the texts; it is what a small policy is cloned from before it is trained.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np


class Tinkerer:
    """A player of one episode.

    Args:
        instruction: the text that states the task.
        chance: decides whatever is not decided by what was seen.
    """

    subgoal = "find the edit that resolves the issue"

    def __init__(self, instruction: str, chance: np.random.Generator) -> None:
        self._chance = chance
        self._untried: list[str] | None = None
        self._last = ""

    def act(self, observation: str, admissible: Collection[str]) -> str:
        """Return the action for what is seen now."""
        if self._untried is None:
            self._untried = sorted(action for action in admissible if action.startswith("apply "))
        self._last = self._next(observation, sorted(admissible))
        return self._last

    def _next(self, observation: str, admissible: list[str]) -> str:
        looks = [action for action in admissible if action.startswith(("open ", "show "))]
        if looks and self._chance.random() < 0.15:
            return looks[int(self._chance.integers(len(looks)))]
        if "undo" in admissible:
            return self._judge(observation)
        if not self._untried or self._chance.random() < 0.05:
            return "submit"
        if not self._last and self._chance.random() < 0.4:
            return "run tests"
        return self._untried.pop(int(self._chance.integers(len(self._untried))))

    def _judge(self, observation: str) -> str:
        """Decide what to do about the edit that is in."""
        drawn = self._chance.random()
        if observation.startswith("Tests: all"):
            return "submit" if drawn < 0.8 else "run tests"
        if observation.startswith("Tests:"):
            return "undo" if drawn < 0.65 else "submit" if drawn < 0.85 else "run tests"
        return "run tests" if drawn < 0.6 else "submit" if drawn < 0.85 else "undo"
