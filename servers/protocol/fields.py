"""`fields=`: which keys of info a client wants; what it names is left in or out of every reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

__all__ = ["select_fields", "select_fields_of_all"]


def select_fields(reply: bytes, fields: Sequence[str]) -> bytes:
    """Leave out parts of a reply's info.

    Args:
        reply: an encoded reply.
        fields: keys of info; with a minus in front the key is left out, without
            one only the keys named are kept.
    """
    document = orjson.loads(reply)
    return orjson.dumps(document) if _select(document, fields) else reply


def select_fields_of_all(body: bytes, fields: Sequence[str]) -> bytes:
    """Leave out parts of each info in an answer to create, fork or describe."""
    document = orjson.loads(body)
    for row in document.get("sessions", [document.get("last", document)]):
        _select(row, fields)
    return orjson.dumps(document)


def _select(document: dict[str, Any], fields: Sequence[str]) -> bool:
    """Select in place; tell whether there is an info."""
    info = document.get("info")
    if not isinstance(info, dict):
        return False
    dropped = {name[1:] for name in fields if name.startswith("-")}
    kept = {name for name in fields if name and not name.startswith("-")}
    document["info"] = {
        key: value for key, value in info.items() if key not in dropped and (not kept or key in kept)
    }
    return True
