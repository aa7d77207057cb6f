"""An environment with a tool that gives a clue and one that ends it, for tests of AgentFlow."""

from __future__ import annotations

from typing import Any

from turnwise import TextEnv

COLOURS = ("red", "green", "blue")


class Clues(TextEnv):
    """A colour to be named; looking under the right thing shows it."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.colour, self.looked = COLOURS[(seed or 0) % 3], False
        return "A mat and a box lie here.", self.info(False)

    def info(self, won: bool) -> dict[str, Any]:
        tools = [
            {"name": "look", "description": "looks under a thing", "usage": "look THING"},
            {"name": "answer", "description": "names the colour", "usage": "answer COLOUR"},
        ]
        return {"instruction": "Name the colour.", "tools": tools, "won": won, "state_key": str(self.looked)}

    def step(self, action: str):
        if action == "look mat":
            self.looked = True
            return f"It is {self.colour}.", 0.0, False, False, self.info(False)
        if action.startswith("answer"):
            won = action == f"answer {self.colour}"
            return "So it is." if won else "No.", float(won), True, False, self.info(won)
        return "Nothing.", 0.0, False, False, self.info(False)
