"""A tool's description as a method, which TRL reads back: signature, types and docstring.

TRL takes the public methods of an environment's class as its tools, and transformers makes a JSON
schema of each from type hints and a docstring in Google's style (`transformers.utils.get_json_schema`,
transformers 5.23).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from types import GenericAlias
from typing import Any

from ...envs.tools import Tool
from ...errors import UsageError

Body = Callable[[Any, str, dict[str, Any]], str]
TAKEN = ("reset", "get_reward")
"""Methods that TRL calls itself."""

_HINTS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict[str, Any],
}


def method_of(tool: Tool, body: Body) -> Callable[..., str]:
    """Return a method that takes any arguments by name and hands them on.

    Args:
        tool: its description, see envs/tools.py.
        body: called with the object, the tool's name and the arguments.

    Raises:
        UsageError: if the tool or an argument has a name that no method can have.
    """
    name = str(tool["name"])
    if not name.isidentifier() or name.startswith("_") or name in TAKEN:
        raise UsageError(f"tool {name!r}: TRL takes methods, whose names are identifiers, not {TAKEN}")
    schema = tool.get("parameters")
    schema = schema if isinstance(schema, Mapping) else {}
    properties: Mapping[str, Any] = schema.get("properties") or {}

    def method(self: Any, /, **arguments: Any) -> str:
        return body(self, name, arguments)

    made: Any = method
    made.__name__ = made.__qualname__ = name
    made.__signature__ = _signature(name, properties, schema.get("required") or ())
    made.__annotations__ = {each: hint_of(given) for each, given in properties.items()} | {"return": str}
    made.__doc__ = _docstring(str(tool.get("description") or name), properties)
    return method


def hint_of(schema: object) -> Any:
    """Return the type that a JSON schema describes; Any where it is none that has a name."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if isinstance(schema, Mapping) and kind == "array":
        return GenericAlias(list, (hint_of(schema.get("items")),))
    return _HINTS.get(kind, Any) if isinstance(kind, str) else Any


def _signature(name: str, properties: Mapping[str, Any], required: Any) -> Signature:
    wrong = [each for each in properties if not each.isidentifier()]
    if wrong:
        raise UsageError(f"tool {name!r}: arguments {wrong}: expected names that Python can have")
    return Signature(
        [
            Parameter("_", Parameter.POSITIONAL_ONLY),
            *(
                Parameter(
                    each,
                    Parameter.KEYWORD_ONLY,
                    default=Parameter.empty if each in required else None,
                    annotation=hint_of(given),
                )
                for each, given in properties.items()
            ),
        ],
        return_annotation=str,
    )


def _docstring(about: str, properties: Mapping[str, Any]) -> str:
    """Return the docstring; values to choose from stand at the end of a line, where they are looked for."""
    lines = [" ".join(about.split()), "", "Args:"] if properties else [" ".join(about.split())]
    for name, schema in properties.items():
        given = schema if isinstance(schema, Mapping) else {}
        said = " ".join(str(given.get("description") or name.replace("_", " ")).split())
        choices = f" (choices: {json.dumps(list(given['enum']))})" if given.get("enum") else ""
        lines.append(f"    {name}: {said}{choices}")
    return "\n".join(lines)
