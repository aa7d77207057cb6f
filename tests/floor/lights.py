"""The environment of the recordings: outside the package, with an expert and a shaped reward."""

from __future__ import annotations

from typing import Any

from turnwise import TextEnv

COLOURS = ("blue", "green", "red")


class Lights(TextEnv):
    """Push the button of the light's colour, some times; each right push pays.

    Args:
        pushes: turns of an episode.
    """

    def __init__(self, pushes: int = 4) -> None:
        self.pushes = pushes

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        if (options or {}).get("raise"):
            raise RuntimeError("no such switchboard")
        self.turn, self.right = 0, 0
        return self._show()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if action == "cut the wire":
            raise RuntimeError("the fuse has blown")
        reward = float(action == f"push {self.light}")
        if action == "short the wire":
            reward = float("nan")
        self.turn, self.right = self.turn + 1, self.right + (reward > 0)
        text, info = self._show()
        return text, reward, self.turn == self.pushes, False, {**info, "won": self.right == self.pushes}

    def _show(self) -> tuple[str, dict[str, Any]]:
        self.light = COLOURS[int(self.np_random.integers(len(COLOURS)))]
        info = {"task": f"lights-{self.pushes}", "instruction": "push the colour that is lit"}
        private = {"expert": f"push {self.light}"}
        admissible = [f"push {colour}" for colour in COLOURS]
        return f"The light is {self.light}.", {**info, "admissible": admissible, "private": private}
