"""The messages of an agent: one call or one answer, its thoughts apart, and why one cannot be read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ...thoughts import without_thoughts

FORM = 'write one <tool_call>{"name": ..., "arguments": {...}}</tool_call>, or <answer>text</answer> to end'
_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a message is neither a call nor an answer, in words for the agent."""

    reason: str


def read_message(message: str) -> Call | str | Unread:
    """Return the one call or the one answer of a message, or why there is not one."""
    outside = without_thoughts(message)
    calls, answers = _CALL.findall(outside), _ANSWER.findall(outside)
    if len(calls) == 1 and not answers:
        return _call(calls[0])
    if len(answers) == 1 and "<tool_call>" not in outside:
        return str(answers[0].strip())
    if len(calls) > 1:
        return Unread(f"{len(calls)} calls in one message, none was made; {FORM}")
    return Unread(FORM)


def _call(body: str) -> Call | Unread:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Unread(f"the call is not JSON ({error}); {FORM}")
    match value:
        case {"name": str(name), "arguments": dict(arguments)}:
            return Call(name, arguments)
        case {"name": str(name)} if "arguments" not in value:
            return Call(name, {})
    return Unread(f"a call is an object with name and arguments; {FORM}")
