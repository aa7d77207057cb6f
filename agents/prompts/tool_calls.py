"""Calls of tools in a model's own form, made into the actions that environments read.

Forms that are read, outside thoughts:

    <tool_call>{"name": "find", "arguments": {...}}</tool_call>   Hermes and Qwen
    {"name": "find", "parameters": {...}}                         Llama 3, the whole message, several by ;
    tool_calls: [{"id": ..., "function": {...}}]                  OpenAI, beside the text

One call a turn is taken. Of several none is made, and the model is told the rule. What looks
like a call and cannot be read is sent as it is, for the environment to say what is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...envs.thoughts import Chars, find_thoughts
from ...envs.tools import Tool, written
from ..types import Generation
from .parse import Parsed, parse_action

ONE_CALL = "[{count} calls in one message: none was made. Make one call a turn.]"
NOT_MADE = "[not made: one call a turn]"
_TAGGED = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_OPENED = "<tool_call>"
_MAX_CALLS = 64


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as the model made it.

    Args:
        name: of the function.
        arguments: by name.
        id: what an endpoint calls it; empty where it was read from a text.
    """

    name: str
    arguments: Mapping[str, Any]
    id: str = ""


def calls_of(generation: Generation, opened: bool | None = None) -> tuple[ToolCall, ...]:
    """Return the calls of a message; none if there is none, or one that cannot be read.

    Args:
        generation: the message.
        opened: whether it began inside a thought.
    """
    if generation.tool_calls:
        given = [_given(each, place) for place, each in enumerate(generation.tool_calls)]
        return () if None in given else tuple(each for each in given if each is not None)
    read = [_call(body) for _, body in _bodies(generation.text, opened)]
    return () if None in read else tuple(each for each in read if each is not None)


def read_native(
    generation: Generation, tools: Sequence[Tool], max_action_chars: int, opened: bool | None
) -> Parsed:
    """Read the action of a message whose calls are in the model's own form.

    A message without a call is read as style "plain" is.

    Args:
        generation: the message.
        tools: those of the environment.
        max_action_chars: longer actions are malformed, and cut.
        opened: whether the message began inside a thought.
    """
    plain = parse_action(generation.text, "plain", max_action_chars, opened)
    calls = calls_of(generation, opened)
    if not calls:
        attempted = bool(generation.tool_calls) or _OPENED in plain.action
        unread = json.dumps(list(generation.tool_calls))[:max_action_chars] if not plain.action else ""
        return Parsed(plain.action or unread, "bad_call", None, plain.think_chars) if attempted else plain
    action = "\n".join(written(tools, call.name, call.arguments) for call in calls[:_MAX_CALLS])
    if len(calls) > 1:
        return Parsed(action[:max_action_chars], "several_calls", None, plain.think_chars)
    if not _is_read(calls[0], tools):
        return Parsed(action[:max_action_chars], "bad_call", None, plain.think_chars)
    if len(action) > max_action_chars:
        return Parsed(action[:max_action_chars], "too_long", None, plain.think_chars)
    found = next(iter(_bodies(generation.text, opened)), None) if not generation.tool_calls else None
    return Parsed(action, "", found[0] if found else None, plain.think_chars)


def _is_read(call: ToolCall, tools: Sequence[Tool]) -> bool:
    """Tell whether the environment has words for a call, or reads calls and can say what is wrong."""
    return any(tool["name"] == call.name or not tool.get("usage") for tool in tools)


def chat_calls(calls: Iterable[ToolCall]) -> tuple[dict[str, Any], ...]:
    """Return calls in the form that chat APIs and templates take."""
    return tuple(
        {
            "id": call.id or f"call_{place}",
            "type": "function",
            "function": {"name": call.name, "arguments": dict(call.arguments)},
        }
        for place, call in enumerate(calls)
    )


def without_calls(text: str, opened: bool | None) -> str:
    """Return what a message says beside its calls."""
    kept, place = [], 0
    for (start, end), _ in _bodies(text, opened):
        kept.append(text[place:start])
        place = end
    return "".join([*kept, text[place:]]).strip()


def _bodies(text: str, opened: bool | None) -> Iterator[tuple[Chars, str]]:
    """Yield the JSON of each call, and where the call stands in the message."""
    outside = find_thoughts(text, opened).outside
    tagged = [found for start, end in outside for found in _TAGGED.finditer(text, start, end)]
    for found in tagged:
        yield found.span(), found[1]
    if tagged:
        return
    pieces = [piece for piece in outside if text[slice(*piece)].strip()]
    if (
        len(pieces) == 1
        and text[slice(*pieces[0])].lstrip().removeprefix("<|python_tag|>").lstrip()[:1] == "{"
    ):
        yield from _bare(text, *pieces[0])


def _bare(text: str, start: int, end: int) -> Iterator[tuple[Chars, str]]:
    """Yield JSON objects that make up a whole piece of a message; nothing if anything else is in it."""
    decoder, place, found = json.JSONDecoder(), text.index("{", start), list[tuple[Chars, str]]()
    while place < end:
        try:
            body, after = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        if not isinstance(body, dict) or "name" not in body or after > end:
            return
        found.append(((place, after), text[place:after]))
        rest = text[after:end].lstrip(" \n\t;")
        place = end - len(rest)
        if rest and rest[0] != "{":
            return
    yield from found


def _call(body: str) -> ToolCall | None:
    try:
        return _of(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _given(call: Mapping[str, Any], place: int) -> ToolCall | None:
    """Read a call that an endpoint gave beside the text, in OpenAI's form or the older one."""
    function = call.get("function", call)
    try:
        return _of(function, str(call.get("id") or f"call_{place}"))
    except (ValueError, RecursionError):
        return None


def _of(body: Any, id: str = "") -> ToolCall | None:
    if not isinstance(body, Mapping) or not isinstance(body.get("name"), str):
        return None
    arguments = body.get("arguments", body.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = json.loads(arguments or "{}")
    return ToolCall(body["name"], arguments, id) if isinstance(arguments, Mapping) else None
