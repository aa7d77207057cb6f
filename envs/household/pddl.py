"""Read PDDL text into nested expressions that remember their lines.

A small exact reader for what game files contain: parentheses, words in lower
case, `;` comments. Every error names the line.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from ...errors import UsageError

_TOKEN = re.compile(r"[()]|[^\s()]+")
_MAX_DEPTH = 64


class PddlError(UsageError):
    """What is wrong with a PDDL text, and on which line of it."""

    def __init__(self, line: int, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(f"line {line}: {reason}")


class Word(NamedTuple):
    """One word, in lower case, as written on a line counted from 1."""

    text: str
    line: int


class Expression(NamedTuple):
    """A list in parentheses that opens on a line counted from 1."""

    items: tuple[Item, ...]
    line: int

    @property
    def head(self) -> str:
        """Return the first word; empty where the list begins with no word."""
        first = self.items[0] if self.items else None
        return first.text if isinstance(first, Word) else ""


Item: TypeAlias = Word | Expression


def read(text: str) -> Expression:
    """Read a text that holds one expression.

    Raises:
        PddlError: if parentheses do not match, nest too deep, or there is more or
            less than one expression.
    """
    stack: list[tuple[list[Item], int]] = []
    done: Expression | None = None
    line = 1
    for line, raw in enumerate(text.split("\n"), start=1):
        code = raw.partition(";")[0].lower()
        if not code.isascii():
            raise PddlError(line, "a character outside ASCII; expected plain PDDL")
        for token in _TOKEN.findall(code):
            if done is not None:
                raise PddlError(line, f"{token!r} after the end of the expression")
            if token == "(":
                stack.append(([], line))
                if len(stack) > _MAX_DEPTH:
                    raise PddlError(line, f"more than {_MAX_DEPTH} parentheses inside each other")
            elif not stack:
                raise PddlError(line, f"{token!r} where '(' was expected")
            elif token == ")":
                items, opened = stack.pop()
                expression = Expression(tuple(items), opened)
                if stack:
                    stack[-1][0].append(expression)
                else:
                    done = expression
            else:
                stack[-1][0].append(Word(token, line))
    if stack:
        raise PddlError(stack[-1][1], "this '(' is never closed")
    if done is None:
        raise PddlError(line, "no expression at all")
    return done


def section(definition: Expression, name: str) -> Expression:
    """Return the part `(name ...)` of a `(define ...)`.

    Raises:
        PddlError: if it is missing.
    """
    for item in definition.items:
        if isinstance(item, Expression) and item.head == name:
            return item
    raise PddlError(definition.line, f"no ({name} ...) in this definition")


def words(expression: Expression) -> list[Word]:
    """Return the items of an expression that must all be words.

    Raises:
        PddlError: if one of them is a list.
    """
    result = []
    for item in expression.items:
        if isinstance(item, Expression):
            raise PddlError(item.line, "a list where a word was expected")
        result.append(item)
    return result


def render(item: Item) -> str:
    """Write an expression in one canonical form: one blank between items."""
    if isinstance(item, Word):
        return item.text
    return "(" + " ".join(render(inner) for inner in item.items) + ")"
