"""Five small environments that a tiny policy learns to win nearly always.

Then nearly every group of a batch has nothing to say: run.py beside this file sees what training does with
what a policy has learned.
"""

from __future__ import annotations

from typing import Any

from turnwise import TextEnv

Info = dict[str, Any]


class Lights(TextEnv):
    """A sign that names the button to press: one turn."""

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        super().reset(seed=seed)
        self.secret = str(self.np_random.choice(["red", "green", "blue"]))
        return f"The sign says {self.secret}. Which button?", self._info(False)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        won = action == f"press {self.secret}"
        return ("The door opens." if won else "Nothing."), float(won), True, False, self._info(won)

    def _info(self, won: bool) -> Info:
        buttons = ["press blue", "press green", "press red"]
        return {"admissible": buttons, "instruction": "open the door", "won": won}


class Corridor(TextEnv):
    """Four doors in a row; the exit is one at the end, on the side that is named."""

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        super().reset(seed=seed)
        self.place, self.turns = int(self.np_random.integers(1, 3)), 0
        self.exit = int(self.np_random.choice([0, 3]))
        return self._sight(), self._info(False)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        self.turns += 1
        self.place += {"go left": -1, "go right": 1}.get(action, 0)
        won = self.place == self.exit
        over = won or self.turns == 4
        return self._sight(), float(won), over, False, self._info(won)

    def _sight(self) -> str:
        side = "left" if self.exit == 0 else "right"
        return f"You stand at door {self.place}. The exit is on the {side}."

    def _info(self, won: bool) -> Info:
        moves = ["go left", "go right", "wait"]
        return {"admissible": moves, "instruction": "leave the corridor", "won": won}


class Safe(TextEnv):
    """A code of two digits, shown once, to be entered in order within four turns."""

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        super().reset(seed=seed)
        self.code = [int(digit) for digit in self.np_random.integers(1, 4, size=2)]
        self.entered = self.turns = 0
        shown = " then ".join(map(str, self.code))
        return f"The note reads {shown}. Enter digit 1.", self._info(False)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        self.turns += 1
        self.entered += action == f"press {self.code[self.entered]}"
        if self.entered == 2:
            return "The safe opens.", 1.0, True, False, self._info(True)
        return f"Enter digit {self.entered + 1}.", 0.0, self.turns == 4, False, self._info(False)

    def _info(self, won: bool) -> Info:
        keys = [f"press {digit}" for digit in range(1, 4)]
        return {"admissible": keys, "instruction": "open the safe", "won": won}


class Shelf(TextEnv):
    """A thing to take and a place to put it, both named in the instruction: two turns."""

    THINGS = ("book", "lamp", "plate")
    PLACES = ("desk", "shelf", "table")

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        super().reset(seed=seed)
        self.thing, self.place = (str(self.np_random.choice(names)) for names in (self.THINGS, self.PLACES))
        self.held = ""
        return "You see a book, a lamp and a plate.", self._info(False)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        if not self.held:
            self.held = action.removeprefix("take ")
            return (
                f"You hold the {self.held}. There are a desk, a shelf and a table.",
                0.0,
                False,
                False,
                self._info(False),
            )
        won = self.held == self.thing and action == f"put it on the {self.place}"
        return "You put it down.", float(won), True, False, self._info(won)

    def _info(self, won: bool) -> Info:
        actions = (
            [f"put it on the {place}" for place in self.PLACES]
            if self.held
            else [f"take {t}" for t in self.THINGS]
        )
        return {"admissible": actions, "instruction": f"put the {self.thing} on the {self.place}", "won": won}


class Guess(TextEnv):
    """A number from 1 to 3, found in two guesses by those who begin in the middle."""

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        super().reset(seed=seed)
        self.number, self.turns = int(self.np_random.integers(1, 4)), 0
        return "Guess a number from 1 to 3.", self._info(False)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        self.turns += 1
        guess = int(action.removeprefix("say "))
        won = guess == self.number
        hint = "Right." if won else f"Not {guess}: it is {'higher' if self.number > guess else 'lower'}."
        return hint, float(won), won or self.turns == 2, False, self._info(won)

    def _info(self, won: bool) -> Info:
        numbers = [f"say {number}" for number in range(1, 4)]
        return {"admissible": numbers, "instruction": "find the number", "won": won}
