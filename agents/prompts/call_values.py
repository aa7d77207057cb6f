"""One call of a function as a model made it: its name, its arguments, or why it cannot be read.

The JSON of a call is read strictly: each key once, no NaN, nested within bounds. Nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ...envs.thoughts import Chars

NO_CALL = 'it is not an object with "name" and "arguments"'
MAX_DEPTH = 50  # of arguments; trajectories are written by a recursive encoder
_MAX_SHOWN_CHARS = 60
_LITERALS = {"True": True, "False": False, "None": None}  # as Qwen3-Coder's template writes them


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as the model made it.

    Args:
        name: of the function; empty where it cannot be read.
        arguments: by name.
        id: what an endpoint or the model calls it; empty where it has no name of its own.
        problem: why it cannot be read, in words for the model; empty if it was read.
        text: what stood there, of one that cannot be read.
        chars: where it stands in the message; None if it stands beside it.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    problem: str = ""
    text: str = ""
    chars: Chars | None = None


class Unread(Exception):
    """Why a call cannot be read, in words for the model."""


def call_of(body: Any, id: str = "", text: str = "", chars: Chars | None = None) -> ToolCall:
    """Return the call that a table with "name" and "arguments" describes; Llama 3 says "parameters".

    The arguments may be a text that is JSON itself, as chat endpoints write them.

    Args:
        body: the table.
        id: of the call, where the table has none of its own.
        text: what stood there.
        chars: where.
    """
    try:
        name, arguments, own_id = _read(body)
    except Unread as unread:
        known = body.get("name") if isinstance(body, Mapping) else ""
        return ToolCall(known if isinstance(known, str) else "", {}, id, str(unread), text, chars)
    return ToolCall(name, arguments, id or own_id, chars=chars)


def json_at(text: str, place: int) -> tuple[Any, int]:
    """Read an object or a list of JSON at a place, and return it and the place behind it.

    Raises:
        Unread: if there is no such value.
    """
    if text[place : place + 1] not in ("{", "["):
        raise Unread(NO_CALL if place < len(text) else "it is empty")
    try:
        return _DECODER.raw_decode(text, place)
    except json.JSONDecodeError as error:
        raise Unread(f"it is not JSON: {error.msg} at character {error.pos - place}") from error
    except (ValueError, RecursionError) as error:
        raise Unread(f"it cannot be read: {str(error)[:_MAX_SHOWN_CHARS]}") from error


def typed(text: str, schema: Any) -> Any:
    """Return a value that is written as a text as its schema has it: of other types than text it is JSON."""
    types = set(_types(schema))
    if not types or "string" in types:
        return text
    said = text.strip()
    if said in _LITERALS:
        return _LITERALS[said]
    try:
        return _DECODER.decode(said)
    except (ValueError, RecursionError):
        return text  # of the wrong type, which the environment says


def is_flat(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Tell whether a value of JSON is nested no deeper than so."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not inner or (depth > 0 and all(is_flat(each, depth - 1) for each in inner))


def _read(body: Any) -> tuple[str, Mapping[str, Any], str]:
    """Return the name, the arguments and the id of a call."""
    if not isinstance(body, Mapping) or not isinstance(body.get("name"), str) or not body["name"]:
        raise Unread(NO_CALL)
    arguments, id = body.get("arguments", body.get("parameters")), body.get("id")
    if isinstance(arguments, str):
        try:
            arguments = _DECODER.decode(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError) as error:
            shown = str(error)[:_MAX_SHOWN_CHARS]
            raise Unread(f"the text of its arguments is not JSON: {shown}") from error
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, Mapping):
        raise Unread("its arguments are not an object")
    if not is_flat(arguments):
        raise Unread(f"its arguments are nested more than {MAX_DEPTH} deep")
    return body["name"], arguments, id if isinstance(id, str) else ""


def _types(schema: Any) -> Iterator[str]:
    """Yield the types that a schema admits."""
    if not isinstance(schema, Mapping):
        return
    named = schema.get("type", "string" if "enum" in schema else [])
    yield from [named] if isinstance(named, str) else map(str, named if isinstance(named, list) else ())
    for key in ("anyOf", "oneOf"):
        inner = schema.get(key)
        for each in inner if isinstance(inner, list) else ():
            yield from _types(each)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError(f"a key is given twice among {', '.join(table)}")
    return table


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
