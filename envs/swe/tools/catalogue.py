"""The tools of an agent that works on a tree of files: arguments, descriptions, forms of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ....errors import UnknownName, UsageError

Type = Literal["string", "integer", "boolean"]

MAX_CHARS = 65_536
MAX_COMMAND_CHARS = 32_768
_PYTHON: Mapping[Type, type] = {"string": str, "integer": int, "boolean": bool}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a tool; one with a default may be left out."""

    name: str
    about: str
    type: Type = "string"
    default: str | int | bool | None = None
    most: int = MAX_CHARS  # characters of a string

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        bound = {"maxLength": self.most} if self.type == "string" else {}
        return {"type": self.type, "description": self.about, **bound}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool; `form` is how a call is written as text."""

    name: str
    about: str
    form: str
    parameters: tuple[Parameter, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Return the description in the form of chat APIs."""
        return {
            "name": self.name,
            "description": self.about,
            "parameters": {
                "type": "object",
                "properties": {each.name: each.schema() for each in self.parameters},
                "required": [each.name for each in self.parameters if each.default is None],
                "additionalProperties": False,
            },
        }

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments with defaults filled in.

        Raises:
            UnknownName: for an argument that the tool does not have, with the closest one.
            UsageError: if one is missing, of another type or too long.
        """
        names = [each.name for each in self.parameters]
        for name in arguments:
            if name not in names:
                raise UnknownName(f"argument of {self.name}", str(name)[:60], names)
        return {each.name: self._value(each, arguments) for each in self.parameters}

    def _value(self, parameter: Parameter, arguments: Mapping[str, Any]) -> Any:
        value = arguments.get(parameter.name, parameter.default)
        if value is None:
            raise UsageError(f"{self.name} needs the argument {parameter.name!r}")
        if parameter.type == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows one kind of number
        where = f"{self.name}: the argument {parameter.name!r}"
        fits = isinstance(value, _PYTHON[parameter.type])
        if not fits or (parameter.type == "integer" and isinstance(value, bool)):
            raise UsageError(f"{where} must be of type {parameter.type}, got {value!r:.60}")
        if isinstance(value, str) and len(value) > parameter.most:
            raise UsageError(f"{where} has {len(value)} characters; at most {parameter.most}")
        return value


_PATH = Parameter("path", "a file or folder, from the working folder")
_ALL = (
    Tool(
        "bash",
        "Run a line or script of bash in the working folder; each call is a shell of its own.",
        "bash COMMAND",
        (Parameter("command", "what bash runs", most=MAX_COMMAND_CHARS),),
    ),
    Tool(
        "view",
        "Show a file with line numbers, or list the files below a folder.",
        "view PATH [FIRST LAST]",
        (
            _PATH,
            Parameter("first", "the first line to show", "integer", 1),
            Parameter("last", "the last line to show; 0: 200 lines", "integer", 0),
        ),
    ),
    Tool(
        "search",
        "Find the lines that hold a text, in a file or below a folder.",
        'search "TEXT" [PATH]',
        (
            Parameter("pattern", "the text to look for"),
            Parameter("path", "a file or folder, from the working folder", default="."),
            Parameter("regex", "whether the pattern is an extended regular expression", "boolean", False),
        ),
    ),
    Tool(
        "edit",
        "Replace a text in a file; it must occur there exactly once.",
        "edit PATH\n<<<<<<< SEARCH\nOLD LINES\n=======\nNEW LINES\n>>>>>>> REPLACE",
        (_PATH, Parameter("old", "the text to replace"), Parameter("new", "the text in its place")),
    ),
    Tool(
        "create",
        "Write a new file.",
        "create PATH\nCONTENT",
        (_PATH, Parameter("content", "the whole text of the file")),
    ),
    Tool("run_tests", "Run the tests of the project.", "run_tests"),
    Tool("undo", "Take back the last change of files.", "undo"),
    Tool("submit", "Hand in the files as they are; this ends the task.", "submit"),
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}


def schemas() -> list[dict[str, Any]]:
    """Return the tools as native functions."""
    return [tool.schema() for tool in _ALL]


def described() -> str:
    """Return the tools and their forms as text for an agent that writes its calls."""
    lines = "\n".join(f"{tool.form}\n    {tool.about}" for tool in _ALL)
    return f"To act, write one of these:\n{lines}"
