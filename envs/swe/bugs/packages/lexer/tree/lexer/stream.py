"""A stream of tokens for parsers: look ahead, go back, try."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, TypeVar

from .errors import LexerError, ScanError
from .token import Token

T = TypeVar("T")


class TokenStream:
    """Tokens that are read as they are needed, with lookahead of any length."""

    def __init__(self, tokens: Iterable[Token]):
        self._source = iter(tokens)
        self._read: list[Token] = []
        self._next = 0

    def peek(self, ahead: int = 0) -> Token | None:
        """Return the token that comes next, or `ahead` further on; None after the last.

        Raises:
            ValueError: if `ahead` is negative.
        """
        if ahead < 0:
            raise ValueError(f"ahead is {ahead}, expected 0 or more")
        while len(self._read) <= self._next + ahead:
            token = next(self._source, None)
            if token is None:
                return None
            self._read.append(token)
        return self._read[self._next + ahead]

    @property
    def at_end(self) -> bool:
        """Whether no token is left."""
        return self.peek() is None

    def next(self) -> Token:
        """Return the next token and go on.

        Raises:
            ScanError: after the last one.
        """
        token = self.peek()
        if token is None:
            raise ScanError("the text ends here", *self._after_last())
        self._next += 1
        return token

    def accept(self, *kinds: str) -> Token | None:
        """Return the next token and go on if it is of one of these kinds; None otherwise."""
        token = self.peek()
        return self.next() if token is not None and token.kind in kinds else None

    def expect(self, *kinds: str) -> Token:
        """Return the next token, which has to be of one of these kinds.

        Raises:
            ScanError: at the token that stands there instead; it is not consumed.
        """
        token = self.accept(*kinds)
        if token is not None:
            return token
        wanted = " or ".join(kinds)
        there = self.peek()
        if there is None:
            raise ScanError(f"expected {wanted}, found the end", *self._after_last())
        raise ScanError(f"expected {wanted}, found {there.kind}", there.line, there.column)

    def skip_to(self, *kinds: str) -> list[Token]:
        """Consume and return the tokens before the next one of these kinds, or all that are left."""
        skipped = []
        while not self.at_end and self.peek().kind not in kinds:
            skipped.append(self.next())
        return skipped

    def mark(self) -> int:
        """Return a mark of the place that is reached."""
        return self._next

    def reset(self, mark: int) -> None:
        """Go back to a mark, or forth to a later one.

        Raises:
            ValueError: if nothing was read there.
        """
        if not 0 <= mark <= len(self._read):
            raise ValueError(f"mark {mark} is not within 0 and {len(self._read)}")
        self._next = mark

    def attempt(self, parse: Callable[[TokenStream], T]) -> T | None:
        """Return what `parse` returns; if it raises a LexerError, go back to where it began: None."""
        mark = self.mark()
        try:
            return parse(self)
        except LexerError:
            self.reset(mark)
            return None

    def _after_last(self) -> tuple[int, int]:
        if not self._read:
            return 1, 1
        last = self._read[-1]
        return last.line, last.column + len(last.text)
