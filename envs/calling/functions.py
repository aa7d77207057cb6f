"""Typed functions that an agent may call: how they are declared, checked and described."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .state import Office

Type = Literal["string", "integer", "list of strings"]

MAX_TEXT = 2_000
MAX_LIST = 50


class CallError(Exception):
    """Why a call did nothing; agents read the code and the text."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument; `choices` are the only values where there are any."""

    name: str
    type: Type = "string"
    choices: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema: it admits what `check` accepts, and nothing else."""
        text = {"type": "string", "maxLength": MAX_TEXT}
        if self.type == "list of strings":
            return {"type": "array", "items": text, "maxItems": MAX_LIST}
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        return text if self.type == "string" else {"type": "integer"}


@dataclass(frozen=True, slots=True)
class Function:
    """One function; `changes` says whether it can change the office."""

    name: str
    about: str
    parameters: tuple[Parameter, ...]
    run: Callable[..., Any]
    changes: bool = False

    @property
    def signature(self) -> str:
        """Write the function in one line."""
        inside = ", ".join(
            f"{p.name}: {' | '.join(p.choices) if p.choices else p.type}" for p in self.parameters
        )
        return f"{self.name}({inside}): {self.about}"

    def schema(self) -> dict[str, Any]:
        """Return the description in the form of chat APIs."""
        return {
            "name": self.name,
            "description": self.about,
            "parameters": {
                "type": "object",
                "properties": {p.name: p.schema() for p in self.parameters},
                "required": [p.name for p in self.parameters],
                "additionalProperties": False,
            },
        }

    def call(self, office: Office, arguments: dict[str, Any]) -> Any:
        """Check the arguments and run the function.

        Raises:
            CallError: if an argument is missing, unknown or of another type, or the function refuses.
        """
        return self.run(office, **check(self, arguments))


def check(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the function takes them, if they fit it.

    Raises:
        CallError: naming the argument.
    """
    names = [parameter.name for parameter in function.parameters]
    for name in arguments:
        if name not in names:
            raise CallError(
                "unknown_argument", f"{function.name} has no argument {name!r:.60}{_hint(name, names)}"
            )
    for name in names:
        if name not in arguments:
            raise CallError("missing_argument", f"{function.name} needs the argument {name!r}")
    return {p.name: _checked(function, p, arguments[p.name]) for p in function.parameters}


def _checked(function: Function, parameter: Parameter, value: Any) -> Any:
    where = f"{function.name}, argument {parameter.name!r}"
    if parameter.type == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON Schema knows one kind of number: 30.0 is an integer
    fits = {
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "list of strings": isinstance(value, list) and all(isinstance(item, str) for item in value),
    }[parameter.type]
    if not fits:
        raise CallError("wrong_type", f"{where}: expected {parameter.type}, got {value!r:.60}")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise CallError("too_long", f"{where}: {len(value)} characters; at most {MAX_TEXT}")
    if isinstance(value, list) and (len(value) > MAX_LIST or any(len(item) > MAX_TEXT for item in value)):
        raise CallError("too_long", f"{where}: at most {MAX_LIST} texts of {MAX_TEXT} characters")
    if parameter.choices and value not in parameter.choices:
        raise CallError(
            "wrong_value", f"{where}: expected {' or '.join(parameter.choices)}, got {value!r:.60}"
        )
    return value


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
