"""Responses, as OpenAI's API has them.

Messages, calls and thoughts are items of one list. `previous_response_id` goes on from an answer of the same
episode; `encrypted_content` of a reasoning item is the seal of the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ...types import Message, Role
from ..answers import arguments_of
from ..asked import Asked
from .dialect import Body, Dialect, Told, openai_refusal
from .reading import count_of, function_of, is_side, name_of, rows_of, text_of, tools_in, wrong
from .response_events import events_of

_ID = "resp_"
_SEALED = "reasoning.encrypted_content"
_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user"}


def read(document: Body) -> Asked:
    """Read a request.

    Raises:
        Refusal: naming what is wrong.
    """
    tools = [
        function_of(row.get("name"), row.get("description"), row.get("parameters"))
        for row in tools_in(document)
        if row.get("type") == "function"
    ]
    after = _number(document.get("previous_response_id"))
    items = _Items()
    if document.get("instructions") and after is None:
        items.messages.append(Message("system", text_of(document["instructions"], "instructions")))
    given = document.get("input")
    if isinstance(given, str):
        items.messages.append(Message("user", given))
    else:
        for at, row in enumerate(rows_of(document, "input")):
            items.take(row, f"input[{at}]")
    return Asked(
        tuple(items.messages),
        tuple(tools),
        count_of(document.get("max_output_tokens"), "max_output_tokens"),
        (),
        is_side(document),
        after,
        items.seals,
    )


class _Items:
    """Items as messages: what an assistant said in several of them is one."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.seals: dict[int, str] = {}
        self._open = False  # whether the last message is of the answer that the next item may be part of

    def take(self, row: Mapping[str, Any], where: str) -> None:
        """Take one item.

        Raises:
            Refusal: if it is of a kind that is not known.
        """
        kind = row.get("type") or "message"
        if kind == "reasoning":
            self._answer("", ())
            if isinstance(row.get("encrypted_content"), str):
                self.seals[len(self.messages) - 1] = row["encrypted_content"]
        elif kind == "function_call":
            name = name_of(row.get("name"), f"{where}: the name of a called function")
            made = {"name": name, "arguments": arguments_of(row.get("arguments"))}
            self._answer("", ({"id": str(row.get("call_id") or ""), "type": "function", "function": made},))
        elif kind == "function_call_output":
            output, self._open = row.get("output"), False
            self.messages.append(
                Message("tool", text_of(output, where), tool_call_id=str(row.get("call_id") or ""))
            )
        elif kind == "message" and row.get("role") == "assistant":
            self._answer(text_of(row.get("content"), where), ())
        elif kind == "message" and str(row.get("role")) in _ROLES:
            self._open = False
            self.messages.append(Message(_ROLES[str(row["role"])], text_of(row.get("content"), where)))
        else:
            role = str(row.get("role"))[:40]
            raise wrong(f"{where}: {str(kind)[:40]!r} of role {role!r} is not an item that is taken")

    def _answer(self, text: str, calls: tuple[dict[str, Any], ...]) -> None:
        """Add to what the assistant says."""
        if not self._open:
            self.messages.append(Message("assistant", text, calls))
        else:
            last = self.messages[-1]
            texts = "\n".join(each for each in (last.content, text) if each)
            self.messages[-1] = Message("assistant", texts, (*last.tool_calls, *calls))
        self._open = True


def write(told: Told) -> dict[str, Any]:
    """Write a whole answer."""
    is_cut = told.answer.finish == "length"
    prompt, said = told.num_tokens
    return {
        "id": f"{_ID}{told.number}",
        "object": "response",
        "created_at": told.created,
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "error": None,
        "instructions": None,
        "metadata": {},
        "model": told.model,
        "output": _output(told),
        "parallel_tool_calls": True,
        "previous_response_id": told.body.get("previous_response_id"),
        "temperature": None,
        "top_p": None,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + said,
        },
    }


def _output(told: Told) -> list[dict[str, Any]]:
    answer, status = told.answer, "incomplete" if told.answer.finish == "length" else "completed"
    items: list[dict[str, Any]] = []
    wanted = told.body.get("include")
    sealed = isinstance(wanted, list) and _SEALED in wanted
    if answer.reasoning or sealed:
        thought = [{"type": "reasoning_text", "text": answer.reasoning}] if answer.reasoning else []
        item = {"type": "reasoning", "id": f"rs_{told.number}", "summary": [], "content": thought}
        items.append({**item, "encrypted_content": told.seal()} if sealed else item)
    if answer.message.content or not answer.message.tool_calls:
        part = {"type": "output_text", "text": answer.message.content, "annotations": [], "logprobs": []}
        message = {"type": "message", "id": f"msg_{told.number}", "role": "assistant", "status": status}
        items.append({**message, "content": [part]})
    for place, call in enumerate(answer.message.tool_calls):
        function = call["function"]
        arguments = orjson.dumps(function["arguments"]).decode()
        made = {"type": "function_call", "id": f"fc_{told.number}_{place}", "call_id": call["id"]}
        items.append({**made, "name": function["name"], "arguments": arguments, "status": status})
    return items


def _number(id: Any) -> int | None:
    """Return the number of the call that an answer's id names."""
    if id is None:
        return None
    number = str(id).removeprefix(_ID)
    if not (str(id).startswith(_ID) and number.isascii() and number.isdigit() and len(number) < 10):
        raise wrong(f"previous_response_id {str(id)[:40]!r}: expected the id of an answer of this episode")
    return int(number)


RESPONSES = Dialect("input", read, write, lambda told: events_of(write(told)), openai_refusal)
