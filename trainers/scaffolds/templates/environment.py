"""An environment: a coin lies in a box, and a note says in which."""

from __future__ import annotations

from typing import Any

from turnwise import TextEnv

COLOURS = ("red", "green", "blue", "white")
ACTIONS = ("read the note", *(f"open the {colour} box" for colour in COLOURS))
Info = dict[str, Any]


class Example(TextEnv):
    """Four boxes and a note; who opens one of the boxes is done."""

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """Begin a task: the seed decides it, through `self.np_random`."""
        super().reset(seed=seed)
        self.colour = str(self.np_random.choice(COLOURS))
        self.turns, self.known, self.hints = 0, False, bool((options or {}).get("expert"))
        return "Four boxes and a note lie on a table.", self._info(won=False, news=False)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Play one action; any text may come as one."""
        self.turns += 1
        right, reads = f"open the {self.colour} box", action == "read the note"
        won, news = action == right, reads and not self.known
        opened = action in ACTIONS and not reads
        self.known = self.known or reads
        said = "A coin!" if won else "It is empty." if opened else "Nothing happens."
        if reads:
            said = f"It says: {self.colour}."
        truncated = self.turns == 4 and not opened
        return said, float(won), opened, truncated, self._info(won, news)

    def _info(self, won: bool, news: bool) -> Info:
        """Say what stands beside the observation: docs/environments.md has every key."""
        info: Info = {"instruction": "Find the coin.", "admissible": ACTIONS, "won": won}
        info["rewards"] = {"news": float(news)}  # a tier beside the reward, for credit that uses it
        if self.hints:
            info["private"] = {"expert": f"open the {self.colour} box" if self.known else "read the note"}
        return info
