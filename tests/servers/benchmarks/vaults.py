"""An environment that tells everything in its info, so that a test sees what is let through."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from turnwise.envs.core import TextEnv

_ODD: dict[str, Callable[[], str]] = {
    "flood": lambda: "x" * 50_000_000,
    "halve": lambda: "\ud800",
    "colour": lambda: "\x00\x1b[31m\u202e\u2028</script>",
}


class Vault(TextEnv):
    """One of several doors hides the gold; opening it wins, two wrong ones lose.

    Args:
        doors: how many.
        split: which part of the world.
        world_seed: another seed is another world.
        choices: list the actions.
    """

    def __init__(
        self, doors: int = 4, split: str = "train", world_seed: int = 0, choices: bool = True
    ) -> None:
        self.doors, self.split, self.world_seed, self.choices = doors, split, world_seed, choices

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        number = int(self.np_random.integers(1 << 60))
        self.gold = random.Random(f"{self.world_seed} {self.split} {number}").randrange(self.doors)
        self.misses = 0
        return f"vault {number} has {self.doors} doors", self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if action == "crash":
            raise OSError("/srv/secret/path.txt: cannot be read")
        if action in _ODD:
            return _ODD[action](), 0.0, False, False, self._info()
        won = action == f"open {self.gold}"
        self.misses += not won and action != "wait"
        over = won or self.misses == 2
        return ("gold" if won else "nothing"), float(won), over, False, self._info(won)

    def _info(self, won: bool = False) -> dict[str, Any]:
        return {
            "admissible": [f"open {door}" for door in range(self.doors)],
            "instruction": "find the gold",
            "won": won,
            "score": float(won),
            "task": f"gold-{self.gold}",
            "state_hash": f"hash-{self.gold}-{self.misses}",
            "rewards": {"near": float(won)},
            "metrics": {"near": 1.0},
            "suggestions": [f"open {self.gold}"],
            "patch": {"gold": str(self.gold)},
            "private": {"expert": f"open {self.gold}"},
        }
