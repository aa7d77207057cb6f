"""What can go wrong."""

from __future__ import annotations


class DefinitionError(ValueError):
    """A command that can not be parsed, whatever the words."""


class UsageError(Exception):
    """Words that a command does not take.

    Args:
        message: one sentence.
        path: the names of the commands up to the one that refuses.
        suggestions: names that could have been meant, the nearest first.
    """

    def __init__(self, message: str, path: list[str], suggestions: list[str] | None = None):
        self.message = message
        self.path = list(path)
        self.suggestions = list(suggestions or [])
        hint = f" (did you mean {' or '.join(self.suggestions)}?)" if self.suggestions else ""
        super().__init__(f"{' '.join(self.path)}: {message}{hint}")
