"""The memory that all modules share: what was done and what came of it, as text of bounded length."""

from __future__ import annotations

MOST_RESULT = 2000
"""Characters of a result; a longer one is cut."""
MOST = 8000
"""Characters of all that is shown; the oldest steps give way."""


class Memory:
    """The steps of an episode."""

    def __init__(self) -> None:
        self._steps: list[str] = []

    def add(self, tool: str, goal: str, command: str, result: str) -> None:
        """Note a step."""
        number = len(self._steps) + 1
        told = result if len(result) <= MOST_RESULT else f"{result[:MOST_RESULT]} ..."
        lines = (f"Step {number}", f"tool: {tool[:200]}", f"sub-goal: {goal[:500]}",
                 f"command: {command[:500]}", f"result: {told}")  # fmt: skip
        self._steps.append("\n".join(lines))

    def shown(self) -> str:
        """Return the last steps that there is room for, or "none"."""
        kept, room = list[str](), MOST
        for step in reversed(self._steps):
            room -= len(step) + 1
            if room < 0:
                break
            kept.insert(0, step)
        return "\n".join(kept) or "none"
