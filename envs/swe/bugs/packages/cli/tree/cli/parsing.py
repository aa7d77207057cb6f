"""Parsing: from words to values."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import convert
from .errors import UsageError
from .spec import Argument, Command, Option
from .suggesting import nearest

_NEGATIVE = re.compile(r"-(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


@dataclass(frozen=True)
class Result:
    """The commands that were named, outermost first, and all values by name."""

    path: list[str]
    values: dict[str, Any]


def parse(
    command: Command,
    words: Sequence[str],
    env: Mapping[str, str] | None = None,
    config: Mapping[str, str] | None = None,
) -> Result:
    """Return what words mean to a command.

    Raises:
        UsageError: whatever a user can do wrong.
    """
    parser = Parser(command)
    parser.read(list(words))
    return Result(parser.path, parser.finish(env or {}, config or {}))


class Parser:
    """The state of parsing one command line."""

    def __init__(self, command: Command):
        self.commands = [command]
        self.given: dict[str, Any] = {}
        self.arguments: list[str] = []

    @property
    def path(self) -> list[str]:
        """The names of the commands up to the innermost one."""
        return [command.name for command in self.commands]

    def options(self) -> dict[str, Option]:
        """Return all options that count here by their words; the innermost command's win."""
        return {
            word: option for command in self.commands for option in command.options for word in option.words()
        }

    def read(self, words: list[str]) -> None:
        """Take all words in turn."""
        open_ = True
        place = 0
        while place < len(words):
            word = words[place]
            place += 1
            if open_ and word == "--":
                open_ = False
            elif open_ and self.is_option(word):
                place = self._long(words, place) if word.startswith("--") else self._short(words, place)
            else:
                self._argument(word)

    def is_option(self, word: str) -> bool:
        """Return whether a word is meant as an option."""
        if not word.startswith("-") or word == "-":
            return False
        digits = any(re.fullmatch(r"-[0-9]", known) for known in self.options())
        return digits or not _NEGATIVE.fullmatch(word)

    def finish(self, env: Mapping[str, str], config: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of all names, with what was not given filled in."""
        values: dict[str, Any] = {}
        for command in self.commands:
            for option in command.options:
                values[option.name] = self._value(option, env, config)
        innermost = self.commands[-1]
        if innermost.commands:
            names = ", ".join(command.name for command in innermost.commands)
            raise self.error(f"expected one of the commands {names}")
        values.update(self._placed(innermost.arguments))
        return values

    def error(self, message: str, suggestions: list[str] | None = None) -> UsageError:
        """Return an error of the innermost command."""
        return UsageError(message, self.path, suggestions)

    def _argument(self, word: str) -> None:
        command = self.commands[-1]
        if not command.commands:
            self.arguments.append(word)
            return
        inner = command.command(word)
        if inner is None:
            names = [one.name for one in command.commands]
            raise self.error(f"there is no command {word!r}", nearest(word, names))
        self.commands.append(inner)

    def _long(self, words: list[str], place: int) -> int:
        """Take the long option before a place, and its value; return the place after it."""
        typed, sign, value = words[place - 1].partition("=")
        word = self._full(typed)
        option = self.options()[word]
        if option.kind == "value":
            if not sign:
                value, place = self._next(word, words, place)
            self._give(option, word, value)
        elif sign:
            raise self.error(f"{word} takes no value")
        else:
            self._switch(option, word not in option.flags)
        return place

    def _full(self, typed: str) -> str:
        """Return the long word that was typed or begun."""
        known = [word for word in self.options() if word.startswith("--")]
        if typed in known:
            return typed
        fitting = sorted(word for word in known if word.startswith(typed))
        meanings = {(self.options()[word].name, word in self.options()[word].flags) for word in fitting}
        if len(meanings) == 1:
            return fitting[0]
        if fitting:
            raise self.error(f"{typed} could be {', '.join(fitting)}", fitting)
        raise self.error(f"there is no option {typed}", nearest(typed, known))

    def _short(self, words: list[str], place: int) -> int:
        """Take the joined short options before a place; return the place after them and their value."""
        joined = words[place - 1]
        known = self.options()
        for at in range(1, len(joined)):
            word = f"-{joined[at]}"
            if word not in known:
                raise self.error(f"there is no option {word}")
            option = known[word]
            if option.kind != "value":
                self._switch(option, False)
                continue
            value = joined[at + 1 :]
            if not value:
                value, place = self._next(word, words, place)
            self._give(option, word, value)
            break
        return place

    def _next(self, word: str, words: list[str], place: int) -> tuple[str, int]:
        if place == len(words) or self.is_option(words[place]):
            raise self.error(f"{word} needs a value")
        return words[place], place + 1

    def _switch(self, option: Option, denied: bool) -> None:
        if option.kind == "count":
            self.given[option.name] = self.given.get(option.name, 0) + 1
        else:
            self.given[option.name] = not denied

    def _give(self, option: Option, word: str, text: str) -> None:
        value = self._converted(option.convert, text, word)
        if option.multiple:
            self.given.setdefault(option.name, []).append(value)
        else:
            self.given[option.name] = value

    def _value(self, option: Option, env: Mapping[str, str], config: Mapping[str, str]) -> Any:
        """Return the value of an option from the first place that has one."""
        if option.name in self.given:
            return self.given[option.name]
        if option.env is not None and option.env in env:
            return self._read(option, env[option.env], option.env)
        if option.name in config:
            return self._read(option, config[option.name], option.name)
        if option.required:
            raise self.error(f"{option.flags[-1]} is missing")
        if option.default is None and option.kind != "value":
            return 0 if option.kind == "count" else False
        if option.default is None and option.multiple:
            return []
        return copy.deepcopy(option.default)

    def _read(self, option: Option, text: str, where: str) -> Any:
        """Return the value that a text of the environment or the configuration stands for."""
        if option.kind == "flag":
            return self._converted(convert.boolean, text, where)
        if option.kind == "count":
            return self._converted(convert.integer(0), text, where)
        if not option.multiple:
            return self._converted(option.convert, text, where)
        return [
            self._converted(option.convert, part, where)
            for part in self._converted(convert.listing, text, where)
        ]

    def _placed(self, arguments: list[Argument]) -> dict[str, Any]:
        """Return the values of arguments; the one that takes many leaves enough for those after it."""
        words = list(self.arguments)
        needed = sum(argument.required for argument in arguments)
        if len(words) < needed:
            missing = [argument.name for argument in arguments if argument.required][len(words)]
            raise self.error(f"{missing} is missing")
        values: dict[str, Any] = {}
        for number, argument in enumerate(arguments):
            if not argument.many:
                values[argument.name] = self._one(argument, words)
                continue
            count = len(words) - sum(later.required for later in arguments[number + 1 :])
            taken, words = words[:count], words[count:]
            values[argument.name] = [self._converted(argument.convert, word, argument.name) for word in taken]
            if not taken and argument.default is not None:
                values[argument.name] = copy.deepcopy(argument.default)
        if words:
            raise self.error(f"unexpected {words[0]!r}")
        return values

    def _one(self, argument: Argument, words: list[str]) -> Any:
        if not words:
            return copy.deepcopy(argument.default)
        return self._converted(argument.convert, words.pop(0), argument.name)

    def _converted(self, function: Any, text: str, where: str) -> Any:
        try:
            return function(text)
        except ValueError as error:
            raise self.error(f"{where}: {error}") from error
