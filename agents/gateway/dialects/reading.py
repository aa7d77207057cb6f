"""What the bodies of all dialects have in common when they are read; what comes is of any form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..asked import Refusal

MAX_MESSAGES = 20_000
_MAX_STOPS, _MAX_STOP_CHARS = 16, 256
_MAX_TOOLS = 512
_TEXTS = ("text", "input_text", "output_text")
MODEL = "turnwise"
"""What the model is called; clients may ask for any other name and get the same."""
SIDE = "-side"
"""What ends the name of the model for calls that are not turns of the agent."""


def wrong(detail: str) -> Refusal:
    """Return why a body cannot be read."""
    return Refusal(400, "invalid_request", detail)


def rows_of(document: Mapping[str, Any], name: str, most: int = MAX_MESSAGES) -> list[Mapping[str, Any]]:
    """Return a list of objects; an absent one is empty.

    Raises:
        Refusal: if it is something else, or too long.
    """
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise wrong(f"{name}: expected a list of objects")
    if len(value) > most:
        raise wrong(f"{name} has {len(value)} members; at most {most} are taken")
    return value


def text_of(content: Any, where: str) -> str:
    """Return a content in words: a text, or texts in parts.

    Raises:
        Refusal: if it holds something else, as a picture.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(f"{where}: the content is {type(content).__name__}; expected a text or a list of parts")
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "refusal":
            texts.append(str(part.get("refusal") or ""))
        elif kind in _TEXTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            raise wrong(f"{where}: a part of type {str(kind)[:40]!r}; only texts are taken")
    return "\n".join(texts)


def name_of(value: Any, where: str) -> str:
    """Return a text that has to be there.

    Raises:
        Refusal: if it is not one.
    """
    if not isinstance(value, str) or not value:
        raise wrong(f"{where}: expected a text")
    return value


def count_of(value: Any, name: str) -> int | None:
    """Return how many tokens are asked for; None where it is not said.

    Raises:
        Refusal: if it is not a number of tokens.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise wrong(f"{name} {str(value)[:40]}; expected a whole number of at least 1")
    return value


def stops_of(value: Any, name: str) -> tuple[str, ...]:
    """Return the texts that end an answer.

    Raises:
        Refusal: if they are not texts, or too many or long.
    """
    stops = [value] if isinstance(value, str) else value or []
    if (
        not isinstance(stops, list)
        or len(stops) > _MAX_STOPS
        or not all(isinstance(each, str) and 0 < len(each) <= _MAX_STOP_CHARS for each in stops)
    ):
        raise wrong(f"{name}: expected at most {_MAX_STOPS} texts of 1 to {_MAX_STOP_CHARS} characters")
    return tuple(stops)


def function_of(name: Any, about: Any, parameters: Any) -> dict[str, Any]:
    """Return a function that may be called in OpenAI's form.

    Raises:
        Refusal: if it has no name, or its parameters are not a schema.
    """
    if parameters is not None and not isinstance(parameters, Mapping):
        raise wrong("tools: the parameters of a function are not a JSON schema")
    function = {"name": name_of(name, "tools: the name of a function"), "description": str(about or "")}
    schema = parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": {**function, "parameters": schema}}


def tools_in(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the rows of `tools`."""
    return rows_of(document, "tools", _MAX_TOOLS)


def is_side(document: Mapping[str, Any]) -> bool:
    """Tell whether the model that is asked is the one for side calls."""
    return str(document.get("model") or "").endswith(SIDE)
