"""Lines of a text: from a place to line and column, and excerpts for error messages."""

from __future__ import annotations

import re
from bisect import bisect_right

_BREAK = re.compile(r"\r\n|\n|\r")


class Lines:
    """The lines of a text, found once."""

    def __init__(self, text: str):
        self.text = text
        self._starts = [0] + [match.end() for match in _BREAK.finditer(text)]

    def __len__(self) -> int:
        """Return the number of lines; a break at the very end opens one more."""
        return len(self._starts)

    def position(self, place: int) -> tuple[int, int]:
        """Return (line, column) of a place, both from 1.

        Raises:
            IndexError: if the place is not in the text; the place after its end counts as in it.
        """
        if not 0 <= place <= len(self.text):
            raise IndexError(f"place {place} is not within 0 and {len(self.text)}")
        line = bisect_right(self._starts, place)
        return line, place - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return the text of a line (from 1) without its break.

        Raises:
            IndexError: if there is no such line.
        """
        if not 1 <= number <= len(self._starts):
            raise IndexError(f"line {number} is not within 1 and {len(self._starts)}")
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : end].rstrip("\r\n")

    def excerpt(self, place: int) -> str:
        """Return the line of a place and below it a caret; tabs stay tabs, so that the caret is right."""
        line, column = self.position(place)
        shown = self.line(line)
        margin = "".join("\t" if char == "\t" else " " for char in shown[: column - 1])
        return f"{shown}\n{margin}^"
