"""The messages of an agent that calls functions: one call or one answer, and why one cannot be read.

A call is JSON between `<tool_call>` and `</tool_call>`: a name and its arguments, which
may be written as text that is JSON itself, as chat endpoints do. What was cut off is told
apart from what was never JSON, and nothing is guessed: a call that cannot be read whole is
not made.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from ...errors import UnknownName
from ..thoughts import without_thoughts
from .api import FUNCTIONS
from .functions import CallError, check
from .tasks import Call

FORM = 'write one <tool_call>{"name": ..., "arguments": {...}}</tool_call>, or <answer>text</answer> to end'
UNREAD = frozenset({"unreadable", "cut_off", "several_calls"})
"""The codes of messages in which no call was found."""

_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_UNFINISHED = re.compile(r"-|\.|[eE][+-]?|t|tr|tru|f|fa|fal|fals|n|nu|nul|\\?u[0-9a-fA-F]{0,4}")


def answer_of(message: str) -> str | None:
    """Return the answer of a message that holds one answer and no call, its thoughts apart."""
    message = without_thoughts(message)
    found = _ANSWER.findall(message)
    return found[0].strip() if len(found) == 1 and "<tool_call>" not in message else None


def call_of(message: str) -> Call:
    """Read the one call of a message, its thoughts apart.

    Raises:
        CallError: `cut_off`, `several_calls` or `unreadable` if there is no one call to be read; else what is
            wrong with the name or an argument.
    """
    message = without_thoughts(message)
    found = _CALL.findall(message)
    if not found and "<tool_call>" in message:
        raise CallError("cut_off", f"the call ends before </tool_call>; make it shorter, and {FORM}")
    if len(found) > 1:
        raise CallError("several_calls", f"{len(found)} calls in one message, none was made; {FORM}")
    if not found or "<answer>" in message:
        raise CallError("unreadable", FORM)
    body = _object(found[0], "the call")
    name, arguments = body.get("name"), body.get("arguments")
    if not isinstance(name, str):
        raise CallError("unreadable", f"the call has no name; {FORM}")
    if isinstance(arguments, str):
        arguments = _object(arguments, "the text of the arguments")
    if not isinstance(arguments, dict):
        raise CallError("unreadable", f"arguments must be an object; {FORM}")
    if name not in FUNCTIONS:
        raise CallError("unknown_function", str(UnknownName("function", name[:100], FUNCTIONS)))
    return Call(name, check(FUNCTIONS[name], arguments))


def _object(text: str, what: str) -> dict[str, Any]:
    """Read a JSON object, whole, with each key once."""
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        if _is_cut(text, error):
            raise CallError("cut_off", f"{what} is cut off; make it shorter, and {FORM}") from error
        raise CallError("unreadable", f"{what} is not JSON ({error}); {FORM}") from error
    except (ValueError, RecursionError) as error:
        raise CallError("unreadable", f"{what} cannot be read ({error}); {FORM}") from error
    if not isinstance(value, dict):
        raise CallError("unreadable", f"{what} must be an object; {FORM}")
    return value


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Tell whether more text could have made it JSON."""
    rest = text[error.pos :].rstrip()
    return error.msg.startswith("Unterminated string") or not rest or bool(_UNFINISHED.fullmatch(rest))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise CallError("unreadable", f"a key is given twice among {', '.join(table)!s:.60}; {FORM}")
    return table


def _no_number(name: str) -> NoReturn:
    raise CallError("unreadable", f"{name} is not JSON; {FORM}")
