"""What a policy said, made into what is given out: thoughts, text and calls apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...envs.thoughts import find_thoughts
from ...envs.tools import tools_of
from ..prompts.call_messages import without_calls
from ..prompts.tool_calls import calls_of
from ..types import Generation, Message
from .asked import Answer
from .matching import key_of


def answer_of(
    generation: Generation, tools: Sequence[Any], number: int, opened: bool | None, begun: str = ""
) -> Answer:
    """Return an answer as it is given out.

    Args:
        generation: what was said.
        tools: functions that may be called; without any nothing is read as a call.
        number: of the call, in the ids of what it calls.
        opened: whether the message began inside a thought.
        begun: its start, where the client gave it.
    """
    text, reasoning = generation.text, ""
    calls = calls_of(generation, opened, tools_of(tools)) if tools else ()
    if any(call.problem for call in calls):
        calls = ()  # told as it was written, for the harness to say what is wrong
    if calls:
        text = without_calls(text, calls)
    thoughts = find_thoughts(text, opened)
    if thoughts.inner or thoughts.is_open:
        inner = [text[start:end] for start, end in thoughts.inner]
        if thoughts.is_open:
            end = max((end for _, end in (*thoughts.inner, *thoughts.outside)), default=0)
            inner.append(text[end:].replace("<think>", "", 1).replace("</think>", "", 1))
        reasoning, text = "\n".join(each.strip() for each in inner), thoughts.rest(text).strip()
    made = tuple(
        {
            "id": f"call_{number}_{place}",
            "type": "function",
            "function": {"name": call.name, "arguments": dict(call.arguments)},
        }
        for place, call in enumerate(calls)
    )
    message = Message("assistant", text, made)
    whole = Message("assistant", f"{begun}{text}", made) if begun else message
    return Answer(generation, message, reasoning, key_of(whole))


def arguments_of(text: Any) -> dict[str, Any]:
    """Return the arguments of a call that came back, in JSON or as they are; templates take objects.

    What is not an object becomes one whose only member is `text`.
    """
    if not isinstance(text, str):
        return text if isinstance(text, dict) else {}
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"text": text}
