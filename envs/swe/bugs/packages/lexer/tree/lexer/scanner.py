"""The scanner: from a text to tokens, with a stack of states."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import ScanError
from .lines import Lines
from .rules import Grammar, Rule
from .token import Token


class Scanner:
    """A scanner for one grammar, used for any number of texts.

    Args:
        grammar: the rules.
        on_error: "raise", or "token": text that no rule knows becomes tokens of kind ERROR.
    """

    def __init__(self, grammar: Grammar, on_error: str = "raise"):
        if on_error not in ("raise", "token"):
            raise ValueError(f"on_error is {on_error!r}, expected 'raise' or 'token'")
        self.grammar = grammar
        self.on_error = on_error
        self._stack: list[tuple[str, int]] = []  # state, the place where it was entered

    @property
    def states(self) -> list[str]:
        """The states that are open, outermost first."""
        return [name for name, _ in self._stack]

    def tokens(self, text: str) -> list[Token]:
        """Return all tokens of a text."""
        return list(self.scan(text))

    def scan(self, text: str) -> Iterator[Token]:
        """Yield the tokens of a text one by one.

        Raises:
            ScanError: where no rule matches (unless on_error is "token"), where a rule leaves more
                states than were entered, or at the end if a state is still open.
        """
        self._stack = [(self.grammar.start, 0)]
        lines = Lines(text)
        place = 0
        while place < len(text):
            found = self.grammar.best(self._stack[-1][0], text, place)
            if found is None:
                bad = self._bad(text, place, lines)
                yield bad
                place = bad.end
                continue
            rule, kind, end = found
            self._move(rule, place, lines)
            if not rule.skip:
                yield Token(kind, text[place:end], place, *lines.position(place))
            place = end
        self._finish(lines)

    def _bad(self, text: str, place: int, lines: Lines) -> Token:
        """Return the token of the characters from here on that no rule knows."""
        state = self._stack[-1][0]
        if self.on_error == "raise":
            raise ScanError(f"no rule of {state!r} knows {text[place]!r}", *lines.position(place))
        end = place + 1
        while end < len(text) and self.grammar.best(state, text, end) is None:
            end += 1
        return Token("ERROR", text[place:end], place, *lines.position(place))

    def _move(self, rule: Rule, place: int, lines: Lines) -> None:
        """Leave and enter states as a rule says."""
        if rule.pop >= len(self._stack):
            raise ScanError(
                f"{rule.kind} leaves {rule.pop} of {len(self._stack) - 1} states", *lines.position(place)
            )
        if rule.pop:
            del self._stack[-rule.pop :]
        if rule.push is not None:
            self._stack.append((rule.push, place))

    def _finish(self, lines: Lines) -> None:
        if len(self._stack) > 1:
            state, place = self._stack[-1]
            raise ScanError(f"{state!r} is still open at the end", *lines.position(place))
