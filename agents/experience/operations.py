"""What is to be done to a library of lessons, as a model's answer says it; nothing of it is trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ...shown import visible

Kind = Literal["ADD", "UPDATE", "DELETE"]
_KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_READ = 200
"""Operations that are read of one answer."""
_FENCE = "```"


class Unreadable(ValueError):
    """An answer in which no list of operations is found."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One change.

    Args:
        kind: of change.
        content: the lesson as it is to read; of one that is deleted it may be empty.
        target: the name of the lesson that is updated or deleted.
    """

    kind: Kind
    content: str
    target: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as the answers have it."""
        return {"operation": self.kind, "id": self.target or None, "content": self.content}


def read_operations(answer: str, most_chars: int) -> list[Operation]:
    """Read the last block of JSON of an answer; what is no change, or says nothing, is left out.

    Args:
        answer: what a model said.
        most_chars: of a lesson; a longer one is cut.

    Raises:
        Unreadable: if there is no list.
    """
    text = answer.rpartition(f"{_FENCE}json")[2].partition(_FENCE)[0]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"expected a JSON list of operations: {error}") from error
    if not isinstance(found, list):
        raise Unreadable(f"holds {type(found).__name__}; expected a JSON list of operations")
    read = (_operation(each, most_chars) for each in found[:MOST_READ])
    return [operation for operation in read if operation is not None]


def line_of(text: str, most_chars: int) -> str:
    """Return a text on one line, in which nothing is acted upon, so long at most."""
    return " ".join(visible(text[: 2 * most_chars]).split())[:most_chars].rstrip()


def revised(texts: Sequence[str], operations: Sequence[Operation], most: int) -> tuple[str, ...]:
    """Return lessons after changes, in order: what is updated stays in its place, what is new comes last.

    An update of a lesson that is not there adds it. New lessons beyond the bound are left out: those
    that stand have been looked at more often.

    Args:
        texts: the lessons, called G0, G1, ...
        operations: done one after the other.
        most: how many lessons there may be.
    """
    kept = {name_of(place): text for place, text in enumerate(texts)}
    for number, operation in enumerate(operations):
        if operation.kind == "DELETE":
            kept.pop(operation.target, None)
        elif operation.kind == "UPDATE" and operation.target in kept:
            kept[operation.target] = operation.content
        else:
            kept[f"new {number}"] = operation.content
    return tuple(dict.fromkeys(kept.values()))[:most]


def name_of(place: int) -> str:
    """Return what the lesson of a place is called."""
    return f"G{place}"


def _operation(found: Any, most_chars: int) -> Operation | None:
    if not isinstance(found, dict):
        return None
    kind = next((known for known in _KINDS if known == found.get("operation")), None)
    content, target = found.get("content"), found.get("id")
    content = line_of(content, most_chars) if isinstance(content, str) else ""
    target = target if isinstance(target, str) else ""
    if kind is None or not (content or kind == "DELETE"):
        return None
    return Operation(kind, content, target)
