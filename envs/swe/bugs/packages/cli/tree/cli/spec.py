"""What a command takes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable

from .errors import DefinitionError

KINDS = ("value", "flag", "count")
_FLAG = re.compile(r"-[^-\s=]|--[^-\s=][^\s=]*")


@dataclass(frozen=True)
class Option:
    """Something that is given by name."""

    name: str
    flags: tuple[str, ...]
    kind: str = "value"
    convert: Callable[[str], Any] = str
    default: Any = None
    multiple: bool = False
    required: bool = False
    env: str | None = None
    help: str = ""

    def words(self) -> list[str]:
        """Return all words that stand for the option, denials of a flag last."""
        denials = [f"--no-{flag[2:]}" for flag in self.flags if flag.startswith("--")]
        return [*self.flags, *(denials if self.kind == "flag" else [])]


@dataclass(frozen=True)
class Argument:
    """Something that is given by place; `many` takes at least one word, or none if it is not required."""

    name: str
    convert: Callable[[str], Any] = str
    many: bool = False
    required: bool = True
    default: Any = None
    help: str = ""


@dataclass
class Command:
    """A command: options, and either arguments or further commands.

    Raises:
        DefinitionError: for two options with a word or a name in common, a word that is not a flag, a kind
            that does not exist, arguments beside commands, two arguments that take many, one that
            is required after one that is not.
    """

    name: str
    help: str = ""
    options: list[Option] = field(default_factory=list)
    arguments: list[Argument] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = [one.name for one in [*self.options, *self.arguments]]
        words = [word for option in self.options for word in option.words()]
        self._unique("name", names)
        self._unique("word", words)
        self._unique("command", [command.name for command in self.commands])
        for option in self.options:
            if option.kind not in KINDS or (option.kind != "value" and option.multiple):
                raise DefinitionError(f"{self.name}: {option.name} can not be of kind {option.kind!r}")
            if not option.flags or not all(_FLAG.fullmatch(flag) for flag in option.flags):
                raise DefinitionError(f"{self.name}: {option.name} needs flags such as -x or --long")
        if self.arguments and self.commands:
            raise DefinitionError(f"{self.name}: arguments and commands exclude each other")
        if sum(argument.many for argument in self.arguments) > 1:
            raise DefinitionError(f"{self.name}: only one argument can take many words")
        required = [argument.required for argument in self.arguments]
        if required != sorted(required, reverse=True):
            raise DefinitionError(f"{self.name}: a required argument follows one that is not")

    def command(self, name: str) -> Command | None:
        """Return the command within this one that has a name."""
        return next((command for command in self.commands if command.name == name), None)

    def _unique(self, what: str, names: list[str]) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DefinitionError(f"{self.name}: the same {what} twice: {', '.join(twice)}")
