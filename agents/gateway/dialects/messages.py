"""Messages, as Anthropic's API has them.

The signature of a thinking block is the seal of the tokens; clients give such blocks back unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from ...types import Message
from ..answers import arguments_of
from ..asked import Asked, Refusal
from .dialect import Body, Dialect, Told, event
from .reading import count_of, function_of, is_side, name_of, rows_of, stops_of, text_of, tools_in, wrong

_FINISH = {"stop": "end_turn", "length": "max_tokens", "calls": "tool_use"}
_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
_Rows = Sequence[Mapping[str, Any]]


def read(document: Body) -> Asked:
    """Read a request.

    Raises:
        Refusal: naming what is wrong.
    """
    tools = [
        function_of(row.get("name"), row.get("description"), row.get("input_schema"))
        for row in tools_in(document)
    ]
    messages: list[Message] = []
    seals: dict[int, str] = {}
    if document.get("system"):
        messages.append(Message("system", text_of(document["system"], "system")))
    for at, row in enumerate(rows_of(document, "messages")):
        where, role = f"messages[{at}]", row.get("role")
        if role not in ("user", "assistant", "system"):
            raise wrong(f"{where}: role {str(role)[:40]!r}; expected user or assistant")
        content = row.get("content")
        blocks = rows_of(row, "content") if isinstance(content, list) else [_text_block(content, where)]
        if role == "assistant":
            seals |= {len(messages): seal for seal in _seals(blocks)}
            messages.append(_said(blocks, where))
        else:
            messages += _asked(blocks, role, where)
    return Asked(
        tuple(messages),
        tuple(tools),
        count_of(document.get("max_tokens"), "max_tokens"),
        stops_of(document.get("stop_sequences"), "stop_sequences"),
        is_side(document),
        seals=seals,
    )


def write(told: Told) -> dict[str, Any]:
    """Write a whole answer."""
    return {**_head(told), "content": _blocks(told), "stop_reason": _FINISH[told.answer.finish]}


def events(told: Told) -> Iterator[bytes]:
    """Yield an answer in events."""
    start = {**_head(told), "content": [], "stop_reason": None}
    yield event({"type": "message_start", "message": start}, "message_start")
    for place, block in enumerate(_blocks(told)):
        empty, deltas = _opened(block)
        yield _of_block("content_block_start", place, content_block=empty)
        for delta in deltas:
            yield _of_block("content_block_delta", place, delta=delta)
        yield _of_block("content_block_stop", place)
    delta = {"stop_reason": _FINISH[told.answer.finish], "stop_sequence": None}
    usage = {"output_tokens": told.num_tokens[1]}
    yield event({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta")
    yield event({"type": "message_stop"}, "message_stop")


def refuse(refusal: Refusal) -> dict[str, Any]:
    """Word a refusal."""
    kind = _KINDS.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": refusal.detail}}


def _text_block(content: Any, where: str) -> dict[str, Any]:
    return {"type": "text", "text": text_of(content, where)}


def _seals(blocks: _Rows) -> list[str]:
    """Return the seal that an assistant's message brings back, if it brings one."""
    found = [block.get("signature") or block.get("data") for block in blocks
             if block.get("type") in ("thinking", "redacted_thinking")]  # fmt: skip
    return [each for each in found if isinstance(each, str)][-1:]


def _said(blocks: _Rows, where: str) -> Message:
    """Return what an assistant said, without its thoughts."""
    texts, calls = [], []
    for block in blocks:
        kind = block.get("type")
        if kind == "tool_use":
            name = name_of(block.get("name"), f"{where}: the name of a tool")
            made = {"name": name, "arguments": arguments_of(block.get("input"))}
            calls.append({"id": str(block.get("id") or ""), "type": "function", "function": made})
        elif kind not in ("thinking", "redacted_thinking"):
            texts.append(text_of([block], where))
    return Message("assistant", "\n".join(texts), tuple(calls))


def _asked(blocks: _Rows, role: str, where: str) -> list[Message]:
    """Return what came from outside: results of tools, each a message, and texts between them."""
    messages: list[Message] = []
    texts: list[str] = []
    for block in [*blocks, None]:
        if block is not None and block.get("type") != "tool_result":
            texts.append(text_of([block], where))
            continue
        if texts:
            messages.append(Message("system" if role == "system" else "user", "\n".join(texts)))
            texts = []
        if block is not None:
            text = text_of(block.get("content"), where)
            messages.append(Message("tool", text, tool_call_id=str(block.get("tool_use_id") or "")))
    return messages


def _blocks(told: Told) -> list[dict[str, Any]]:
    answer = told.answer
    blocks: list[dict[str, Any]] = []
    thinking = told.body.get("thinking")
    if isinstance(thinking, Mapping) and thinking.get("type") != "disabled":
        blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": told.seal()})
    if answer.message.content or not answer.message.tool_calls:
        blocks.append({"type": "text", "text": answer.message.content})
    for call in answer.message.tool_calls:
        function = call["function"]
        blocks.append(
            {"type": "tool_use", "id": call["id"], "name": function["name"], "input": function["arguments"]}
        )
    return blocks


def _opened(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a block as it begins, and what is added to it."""
    if block["type"] == "thinking":
        thought = {"type": "thinking_delta", "thinking": block["thinking"]}
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {**block, "thinking": "", "signature": ""}, [thought, signed]
    if block["type"] == "tool_use":
        text = orjson.dumps(block["input"]).decode()
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": text}]
    return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]


def _of_block(kind: str, place: int, **more: Any) -> bytes:
    return event({"type": kind, "index": place, **more}, kind)


def _head(told: Told) -> dict[str, Any]:
    prompt, said = told.num_tokens
    usage = {"input_tokens": prompt, "output_tokens": said}
    cached = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {
        "id": f"msg_{told.number}",
        "type": "message",
        "role": "assistant",
        "model": told.model,
        "stop_sequence": None,
        "usage": {**usage, **cached},
    }


MESSAGES = Dialect("messages", read, write, events, refuse)
