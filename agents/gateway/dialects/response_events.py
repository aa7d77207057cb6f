"""The stream of a response: its items, one after the other, each begun, filled and ended."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from .dialect import event


def events_of(document: dict[str, Any]) -> Iterator[bytes]:
    """Yield a whole response as the events that build it up.

    Args:
        document: as it is answered without a stream.
    """
    numbers = count()

    def told(kind: str, **more: Any) -> bytes:
        return event({"type": kind, "sequence_number": next(numbers), **more}, kind)

    begun = {**document, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield told("response.created", response=begun)
    yield told("response.in_progress", response=begun)
    for place, item in enumerate(document["output"]):
        where = {"output_index": place, "item_id": item["id"]}
        yield told("response.output_item.added", output_index=place, item=_empty(item))
        for kind, more in _filled(item):
            yield told(kind, **where, **more)
        yield told("response.output_item.done", output_index=place, item=item)
    end = "response.incomplete" if document["status"] == "incomplete" else "response.completed"
    yield told(end, response=document)


def _empty(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as it begins."""
    if item["type"] == "function_call":
        return {**item, "arguments": "", "status": "in_progress"}
    empty = {**item, "content": []}
    return {**empty, "status": "in_progress"} if "status" in item else empty


def _filled(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is added to an item: the kind of each event, and what it says."""
    if item["type"] == "function_call":
        yield "response.function_call_arguments.delta", {"delta": item["arguments"]}
        done = {"arguments": item["arguments"], "name": item["name"]}
        yield "response.function_call_arguments.done", done
        return
    name = "output_text" if item["type"] == "message" else "reasoning_text"
    for place, part in enumerate(item["content"]):
        at = {"content_index": place}
        logprobs: dict[str, Any] = {"logprobs": []} if name == "output_text" else {}
        yield "response.content_part.added", {**at, "part": {**part, "text": ""}}
        yield f"response.{name}.delta", {**at, "delta": part["text"], **logprobs}
        yield f"response.{name}.done", {**at, "text": part["text"], **logprobs}
        yield "response.content_part.done", {**at, "part": part}
