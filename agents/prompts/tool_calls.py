"""Calls of tools in a model's own form, made into the actions that environments read.

Calls stand in a message's text, outside thoughts (agents.prompts.call_forms), or beside it, as
chat endpoints give them: `tool_calls: [{"id": ..., "function": {...}}]`. Each is a step of the
environment, in their order, up to a bound.

A call that cannot be read, names no function or has wrong arguments is a step, too: the environment is
sent it in quotes, in which nobody finds a call, so that its turns are counted as ever. The model is told what
is wrong in words that hold for every form of calls; the other calls of the message are made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...envs.tools import Tool, misfit, quoted, written
from ..types import Generation
from .call_forms import MAX_READ, calls_in
from .call_values import ToolCall, call_of
from .parse import Parsed, Reading, parse_action

UNREAD = "Error: this call cannot be read, so it was not made: {problem}"
MISFIT = "Error: this call was not made: {problem}"
TOO_LONG = "Error: this call is longer than {most} characters, so it was cut off."
NOT_TAKEN = "Error: this call cannot be read with these arguments: they look like other calls."
NO_CALL = "Error: no function was called. Call one of {names}."
_MAX_NAMES = 40


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
    generation: Generation, tools: Sequence[Tool], max_action_chars: int, max_calls: int, opened: bool | None
) -> Reading:
    """Read the actions of a message whose calls are in the model's own form.

    A message without a call is read as style "plain" is.

    Args:
        generation: the message.
        tools: those of the environment.
        max_action_chars: longer actions are malformed, and cut.
        max_calls: more are not made.
        opened: whether the message began inside a thought.
    """
    plain = parse_action(generation.text, "plain", max_action_chars, opened)
    calls = calls_of(generation, opened, tools)
    if not calls:
        names = ", ".join(str(tool["name"]) for tool in tools[:_MAX_NAMES])
        return Reading((replace(plain, told=NO_CALL.format(names=names)),))
    first, *others = (_step(call, tools, max_action_chars) for call in calls[:max_calls])
    return Reading((replace(first, think_chars=plain.think_chars), *others), calls)


def _step(call: ToolCall, tools: Sequence[Tool], most: int) -> Parsed:
    """Return what is done for one call."""
    problem = call.problem or misfit(tools, call.name, call.arguments)
    if problem:
        said = call.text or json.dumps({"name": call.name, "arguments": dict(call.arguments)})
        told = (UNREAD if call.problem else MISFIT).format(problem=problem)
        return Parsed(_sent(quoted(said))[:most], "bad_call", told=_sent(told))
    action = _sent(written(tools, call.name, call.arguments))
    if len(action) > most:
        return Parsed(action[:most], "too_long", told=TOO_LONG.format(most=most))
    in_words = any(tool["name"] == call.name and tool.get("usage") for tool in tools)
    return Parsed(action, "", call.chars, told=NOT_TAKEN if in_words else "")


def _sent(text: str) -> str:
    """Return a text as it can be sent: a lone surrogate becomes one "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _given(call: Mapping[str, Any]) -> ToolCall:
    """Read a call that an endpoint gave beside the text, in OpenAI's form or the older one."""
    return call_of(call.get("function", call), str(call.get("id") or ""), json.dumps(call))
