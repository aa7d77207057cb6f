"""Chat requests as what an agent is shown, and its actions as chat completions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]

_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_MAX_CALLS = 64


def shown(messages: Sequence[Message], before: Sequence[Message]) -> str:
    """Return the messages that came since the last answer, as one text.

    Args:
        messages: of the request.
        before: of the request before it; where they are not the beginning of these, all are new.
    """
    new = list(messages[len(before) :] if list(messages[: len(before)]) == list(before) else messages)
    while before and new and new[0].get("role") == "assistant":
        del new[0]
    return "\n\n".join(filter(None, (text_of(message) for message in new)))


def text_of(message: Message) -> str:
    """Return the text of a message; parts that are none are named."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", f"[{part.get('type')}]")) for part in parts)


def key_of(messages: Sequence[Message]) -> str:
    """Return a hash of a conversation: who said what."""
    said = [[message.get("role"), text_of(message), _made(message)] for message in messages]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def completion(action: str, body: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return an action as the completion that answers a request; its calls count where tools are offered.

    Args:
        action: what the agent said; calls as `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.
        body: the request.
        number: of the answer in its episode.
    """
    calls = [_call(found[1], f"call_{number}_{place}") for place, found in enumerate(_CALL.finditer(action))]
    made = [call for call in calls[:_MAX_CALLS] if call is not None] if body.get("tools") else []
    message: dict[str, Any] = {"role": "assistant", "content": action}
    if made and len(made) == len(calls):
        message |= {"content": _CALL.sub("", action).strip() or None, "tool_calls": made}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
    }
    return {
        "id": f"turn-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": str(body.get("model", "")),
        "choices": [choice],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def events(document: Mapping[str, Any]) -> list[bytes]:
    """Return a completion as the events of a stream: one piece, and the end."""
    (choice,) = document["choices"]
    message = choice["message"]
    calls = [{"index": place, **call} for place, call in enumerate(message.get("tool_calls", []))]
    delta = {**message, **({"tool_calls": calls} if calls else {})}
    chunk = {
        **document,
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": choice["finish_reason"]}],
    }
    return [f"data: {json.dumps(chunk)}\n\n".encode(), b"data: [DONE]\n\n"]


def _call(body: str, id: str) -> dict[str, Any] | None:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict) or not isinstance(read.get("name"), str):
        return None
    arguments = read.get("arguments", {})
    if not isinstance(arguments, Mapping):
        return None
    function = {"name": read["name"], "arguments": json.dumps(arguments)}
    return {"id": id, "type": "function", "function": function}


def _made(message: Message) -> list[Any]:
    return [call.get("function") for call in message.get("tool_calls") or ()]
