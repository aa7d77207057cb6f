"""A lamp whose colour names the button to push, three times; and one that takes no push for the right one."""

from __future__ import annotations

from typing import Any

from turnwise import TextEnv

COLOURS = ("blue", "green", "red")
Info = dict[str, Any]


class Lamp(TextEnv):
    """Push the button of the lamp's colour."""

    wanted = "push {}"

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        super().reset(seed=seed)
        self.turn = self.right = 0
        return self._show()

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        right = action == self.wanted.format(self.light)
        self.turn, self.right = self.turn + 1, self.right + right
        text, info = self._show()
        return text, right / 3, self.turn == 3, False, {**info, "won": self.right == 3}

    def _show(self) -> tuple[str, Info]:
        self.light = COLOURS[int(self.np_random.integers(3))]
        info = {"admissible": [f"push {colour}" for colour in COLOURS], "instruction": "push what it shows"}
        more = {"won": False, "private": {"expert": f"push {self.light}"}}
        return f"The lamp is {self.light}.", {**info, **more}


class Deaf(Lamp):
    """The same, waiting for a text that nobody can say: a slip of whoever wrote it."""

    wanted = "push the {} button"
