"""A long episode of short turns, with an outcome that depends on every word."""

from __future__ import annotations

from typing import Any

from turnwise import TextEnv

WORDS = ("left", "right", "wait")
NUM_TURNS = 60


class Long(TextEnv):
    """Sixty turns; each pays where the word is the one that the room asks for."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.turn = self.place = 0
        return self._shown(), self._info()

    def step(self, action: str):
        reward = float(action == self.wanted) / NUM_TURNS
        self.place += {"left": -1, "right": 1}.get(action, 0)
        self.turn += 1
        return self._shown(), reward, self.turn >= NUM_TURNS, False, self._info()

    def _shown(self) -> str:
        self.wanted = WORDS[int(self.np_random.integers(3))]
        return f"{self.wanted} {self.place}"

    def _info(self) -> dict[str, Any]:
        return {"admissible": list(WORDS), "state_key": f"{self.turn} {self.place}", "won": self.place > 3}
