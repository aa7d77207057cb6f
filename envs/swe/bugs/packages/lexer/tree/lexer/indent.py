"""Indentation: INDENT and DEDENT tokens in the manner of Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .errors import ScanError
from .token import Token


def indented(
    tokens: Iterable[Token], newline: str = "NEWLINE", brackets: Sequence[tuple[str, str]] = (("(", ")"),)
) -> Iterator[Token]:
    """Yield tokens with INDENT where a line begins further right than its block, DEDENT where blocks end.

    Empty lines vanish, within brackets line ends do. The last line ends with a token of kind
    `newline`, of empty text if there was not one; then come the DEDENTs of all open blocks.

    Args:
        tokens: from a scanner that skips spaces and makes each line end a token of kind `newline`.
        newline: the kind of line ends.
        brackets: texts of tokens between which line ends do not count.

    Raises:
        ScanError: for a line that fits no open block, and for a bracket that is closed but not open.
    """
    opening = {opener for opener, _ in brackets}
    closing = {closer for _, closer in brackets}
    columns = [1]
    depth = 0
    fresh = True  # at the beginning of a line
    last = Token(newline, "", 0, 1, 1)
    for token in tokens:
        if token.kind == newline:
            if depth == 0 and not fresh:
                yield token
                fresh = True
            last = token
            continue
        if fresh:
            yield from _change(columns, token)
            fresh = False
        depth += (token.text in opening) - (token.text in closing)
        if depth < 0:
            raise ScanError(f"{token.text!r} closes nothing", token.line, token.column)
        yield token
        last = token
    place = (last.end, last.line, last.column + len(last.text))
    if not fresh:
        yield Token(newline, "", *place)
    for _ in columns[1:]:
        yield Token("DEDENT", "", *place)


def _change(columns: list[int], token: Token) -> Iterator[Token]:
    """Yield what a line's first token means for the open blocks, whose columns are changed in place."""
    place = (token.start, token.line, token.column)
    if token.column > columns[-1]:
        columns.append(token.column)
        yield Token("INDENT", "", *place)
        return
    while token.column < columns[-1]:
        columns.pop()
        yield Token("DEDENT", "", *place)
    if token.column != columns[-1]:
        raise ScanError("this line fits no open block", token.line, token.column)
