"""Calls of tools in a model's own form, made into the actions that environments read.

Calls stand in a message's text, outside thoughts (agents.prompts.call_forms), or beside it, as
chat endpoints give them: `tool_calls: [{"id": ..., "function": {...}}]`.

One call a turn is taken. Of several none is made, and the model is told the rule. What looks
like a call and cannot be read is sent as it is, for the environment to say what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...envs.tools import Tool, written
from ..types import Generation
from .call_forms import MAX_READ, calls_in
from .call_values import ToolCall, call_of
from .parse import Parsed, parse_action

ONE_CALL = "[{count} calls in one message: none was made. Make one call a turn.]"
NOT_MADE = "[not made: one call a turn]"


def calls_of(
    generation: Generation, opened: bool | None = None, tools: Sequence[Tool] = ()
) -> tuple[ToolCall, ...]:
    """Return the calls of a message in their order; one that cannot be read says why (`problem`).

    Args:
        generation: the message.
        opened: whether it began inside a thought.
        tools: the functions that there are; they say of which type values are where only texts are written.
    """
    if generation.tool_calls:
        return tuple(map(_given, generation.tool_calls[:MAX_READ]))
    return calls_in(generation.text, opened, tools)


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
    calls = calls_of(generation, opened, tools)
    if not calls or any(call.problem for call in calls):
        unread = json.dumps(list(generation.tool_calls))[:max_action_chars] if not plain.action else ""
        return Parsed(plain.action or unread, "bad_call", None, plain.think_chars) if calls else plain
    action = "\n".join(written(tools, call.name, call.arguments) for call in calls)
    if len(calls) > 1:
        return Parsed(action[:max_action_chars], "several_calls", None, plain.think_chars)
    if not _is_read(calls[0], tools):
        return Parsed(action[:max_action_chars], "bad_call", None, plain.think_chars)
    if len(action) > max_action_chars:
        return Parsed(action[:max_action_chars], "too_long", None, plain.think_chars)
    return Parsed(action, "", calls[0].chars, plain.think_chars)


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


def without_calls(text: str, calls: Iterable[ToolCall]) -> str:
    """Return what a message says beside its calls."""
    kept, place = [], 0
    for call in calls:
        if call.chars:
            kept.append(text[place : call.chars[0]])
            place = call.chars[1]
    return "".join([*kept, text[place:]]).strip()


def _given(call: Mapping[str, Any]) -> ToolCall:
    """Read a call that an endpoint gave beside the text, in OpenAI's form or the older one."""
    return call_of(call.get("function", call), str(call.get("id") or ""), json.dumps(call))
