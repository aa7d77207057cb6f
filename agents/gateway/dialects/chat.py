"""Chat completions, as OpenAI's API has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ...types import Message, Role
from ..answers import arguments_of
from ..asked import Asked
from .dialect import Body, Dialect, Told, event, openai_refusal
from .reading import count_of, function_of, is_side, name_of, rows_of, stops_of, text_of, tools_in, wrong

_FINISH = {"stop": "stop", "length": "length", "calls": "tool_calls"}
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


def read(document: Body) -> Asked:
    """Read a request.

    Raises:
        Refusal: naming what is wrong.
    """
    if document.get("n") not in (None, 1):
        raise wrong("n: one answer a call is given; ask again for another one")
    tools = []
    for row in tools_in(document):
        function = row.get("function")
        if not isinstance(function, Mapping):
            raise wrong("tools: expected functions")
        tools.append(
            function_of(function.get("name"), function.get("description"), function.get("parameters"))
        )
    most = document.get("max_completion_tokens", document.get("max_tokens"))
    return Asked(
        tuple(_message(row, at) for at, row in enumerate(rows_of(document, "messages"))),
        tuple(tools),
        count_of(most, "max_tokens"),
        stops_of(document.get("stop"), "stop"),
        is_side(document),
    )


def write(told: Told) -> dict[str, Any]:
    """Write a whole answer."""
    answer = told.answer
    message: dict[str, Any] = {"role": "assistant", "content": answer.message.content, "refusal": None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.message.tool_calls:
        message["content"] = answer.message.content or None
        message["tool_calls"] = _calls(told)
    choice = {"index": 0, "message": message, "finish_reason": _FINISH[answer.finish], "logprobs": None}
    return {**_head(told, "chat.completion"), "choices": [choice], "usage": _usage(told)}


def events(told: Told) -> Iterator[bytes]:
    """Yield an answer in chunks."""
    head, answer = _head(told, "chat.completion.chunk"), told.answer

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    if answer.reasoning:
        yield chunk({"reasoning_content": answer.reasoning})
    if answer.message.content:
        yield chunk({"content": answer.message.content})
    for place, call in enumerate(_calls(told)):
        yield chunk({"tool_calls": [{"index": place, **call}]})
    yield chunk({}, _FINISH[answer.finish])
    options = told.body.get("stream_options")
    if isinstance(options, Mapping) and options.get("include_usage"):
        yield event({**head, "choices": [], "usage": _usage(told)})
    yield b"data: [DONE]\n\n"


def _message(row: Mapping[str, Any], at: int) -> Message:
    where = f"messages[{at}]"
    role = _ROLES.get(str(row.get("role")))
    if role is None:
        raise wrong(f"{where}: role {str(row.get('role'))[:40]!r}; expected one of {', '.join(_ROLES)}")
    text = text_of(row.get("content"), where)
    if role == "assistant":
        calls = tuple(_call(call, where) for call in rows_of(row, "tool_calls", 256))
        return Message("assistant", text, calls)
    if role == "tool":
        return Message("tool", text, tool_call_id=str(row.get("tool_call_id") or ""))
    return Message(role, text)


def _call(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    function = row.get("function")
    if not isinstance(function, Mapping):
        raise wrong(f"{where}: a call without its function")
    name = name_of(function.get("name"), f"{where}: the name of a called function")
    made = {"name": name, "arguments": arguments_of(function.get("arguments"))}
    return {"id": str(row.get("id") or ""), "type": "function", "function": made}


def _calls(told: Told) -> list[dict[str, Any]]:
    """Return calls with their arguments as JSON in a text."""
    rows = []
    for call in told.answer.message.tool_calls:
        function = call["function"]
        text = orjson.dumps(function["arguments"]).decode()
        rows.append({**call, "function": {"name": function["name"], "arguments": text}})
    return rows


def _head(told: Told, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{told.number}",
        "object": kind,
        "created": told.created,
        "model": told.model,
        "system_fingerprint": None,
    }


def _usage(told: Told) -> dict[str, int]:
    prompt, said = told.num_tokens
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}


CHAT = Dialect("messages", read, write, events, openai_refusal)
