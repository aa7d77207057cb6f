"""Rules, states and grammars."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from .errors import GrammarError


@dataclass(frozen=True)
class Rule:
    """A pattern, the kind of its matches, and what a match does to the stack of states."""

    kind: str
    pattern: str
    words: tuple[str, ...] = ()
    skip: bool = False
    pop: int = 0
    push: str | None = None


@dataclass(frozen=True)
class Include:
    """The rules of another state, at this place."""

    state: str


@dataclass(frozen=True)
class Compiled:
    """A rule with its pattern compiled and its words ready to be looked up."""

    rule: Rule
    match: re.Pattern
    words: frozenset[str]


Entry = Union[Rule, Include]


class Grammar:
    """States by name, each a list of rules; the scanner begins in `start`.

    Raises:
        GrammarError: for an unknown state, a pattern that is broken or matches nothing at all,
            includes in a circle, a negative pop.
    """

    def __init__(self, states: Mapping[str, Sequence[Entry]], start: str = "main", ignore_case: bool = False):
        self.states = {name: list(entries) for name, entries in states.items()}
        self.start = start
        self.ignore_case = ignore_case
        self._known(start)
        self._compiled = {name: self._compile_state(name) for name in self.states}

    def extend(self, states: Mapping[str, Sequence[Entry]]) -> Grammar:
        """Return a new grammar in which the rules of `states` stand before those that are here."""
        merged = {name: list(entries) for name, entries in self.states.items()}
        for name, entries in states.items():
            merged[name] = list(entries) + merged.get(name, [])
        return Grammar(merged, self.start, self.ignore_case)

    def kinds(self) -> list[str]:
        """Return the kinds of tokens that this grammar can make, sorted."""
        found = set()
        for rules in self._compiled.values():
            for compiled in rules:
                if not compiled.rule.skip:
                    found.add(compiled.rule.kind)
                    found.update(word.upper() for word in compiled.rule.words)
        return sorted(found)

    def best(self, state: str, text: str, place: int) -> tuple[Rule, str, int] | None:
        """Return (rule, kind, end) of the longest match at a place, the first rule of equals; or None."""
        chosen, end = None, place
        for compiled in self._compiled[state]:
            found = compiled.match.match(text, place)
            if found and found.end() > end:
                chosen, end = compiled, found.end()
        if chosen is None:
            return None
        return chosen.rule, self._kind(chosen, text[place:end]), end

    def fold(self, word: str) -> str:
        """Return a word as it is compared."""
        return word.casefold() if self.ignore_case else word

    def _kind(self, compiled: Compiled, text: str) -> str:
        return text.upper() if self.fold(text) in compiled.words else compiled.rule.kind

    def _known(self, name: str) -> None:
        if name not in self.states:
            raise GrammarError(f"state {name!r} is not one of {', '.join(sorted(self.states))}")

    def _compile_state(self, name: str) -> list[Compiled]:
        return [self._compile(rule) for rule in self._flat(name, ())]

    def _flat(self, name: str, above: tuple[str, ...]) -> list[Rule]:
        """Return the rules of a state with includes replaced by what they stand for."""
        self._known(name)
        if name in above:
            raise GrammarError(f"states include each other: {' -> '.join([*above, name])}")
        rules: list[Rule] = []
        for entry in self.states[name]:
            if isinstance(entry, Include):
                rules.extend(self._flat(entry.state, (*above, name)))
            else:
                rules.append(entry)
        return rules

    def _compile(self, rule: Rule) -> Compiled:
        if rule.push is not None:
            self._known(rule.push)
        if rule.pop < 0:
            raise GrammarError(f"rule {rule.kind!r}: pop is {rule.pop}, which is negative")
        try:
            match = re.compile(rule.pattern, re.IGNORECASE if self.ignore_case else 0)
        except re.error as error:
            raise GrammarError(f"rule {rule.kind!r}: {error}") from error
        if match.match(""):
            raise GrammarError(f"rule {rule.kind!r} matches the empty text")
        return Compiled(rule, match, frozenset(self.fold(word) for word in rule.words))
