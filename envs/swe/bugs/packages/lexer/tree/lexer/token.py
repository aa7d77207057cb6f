"""A token: its kind, its text, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """A piece of text with a kind; `start` counts characters from 0, line and column from 1."""

    kind: str
    text: str
    start: int
    line: int
    column: int

    @property
    def end(self) -> int:
        """The place after the last character."""
        return self.start + len(self.text)
