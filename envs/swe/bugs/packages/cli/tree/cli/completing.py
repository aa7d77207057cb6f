"""Completion: words that could stand in place of the last one."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import UsageError
from .parsing import Parser
from .spec import Command


def complete(command: Command, words: Sequence[str]) -> list[str]:
    """Return the words that begin like the last of `words` and could stand there, sorted.

    Names of commands, and options that are not given yet (those that can be repeated always). Nothing
    where the value of an option is expected, and if the words before are wrong.
    """
    *before, begun = words or [""]
    if "--" in before:
        return []
    parser = Parser(command)
    try:
        parser.read(before)
    except UsageError:
        return []
    found = []
    if not begun.startswith("-"):
        found = [inner.name for inner in parser.commands[-1].commands]
    if begun.startswith("-") or not parser.commands[-1].commands:
        for word, option in parser.options().items():
            if option.name not in parser.given or option.multiple or option.kind == "count":
                found.append(word)
    return sorted(word for word in found if word.startswith(begun))
