"""Bodies that only grew: what is new in them, without reading the rest again.

Clients that keep no state send the whole conversation with each call, the same bytes with something more at
the end of one list. So a call late in an episode costs what the first one did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from .asked import Asked

_KEPT = 4  # bodies of one episode
_MAX_BYTES = 1 << 20
_MAX_TRIES = 64
_MAX_BRACKETS = 128


@dataclass(frozen=True, slots=True)
class Body:
    """A body that was read.

    Args:
        document: what it holds beside the list that grows.
        behind: the members that come after the list.
        asked: what it asks; of one that grew with the new messages alone.
        since: the number of the call that the new messages follow; None: it was read whole.
    """

    document: Mapping[str, Any]
    behind: tuple[str, ...]
    asked: Asked
    since: int | None = None

    @classmethod
    def whole(cls, document: dict[str, Any], name: str, asked: Asked) -> Body:
        """Return a body that was read whole.

        Args:
            document: what it holds.
            name: of the list that grows.
            asked: what it asks.
        """
        names = list(document)
        behind = tuple(names[names.index(name) + 1 :]) if name in document else ()
        return cls({key: document[key] for key in names if key != name}, behind, asked)

    def told(self) -> Body:
        """Return it without its messages, once they have their place."""
        return replace(self, asked=replace(self.asked, messages=(), seals={}))


@dataclass(frozen=True, slots=True)
class _Kept:
    """The parts of a body: up to the end of its list, and what follows, from the bracket on."""

    path: str
    start: bytes
    end: bytes
    body: Body
    number: int


class Growing:
    """The last bodies of an episode."""

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque(maxlen=_KEPT)

    def new_rows(self, path: str, content: bytes) -> tuple[list[Any], Body, int] | None:
        """Return what a body has more in its list than one before, that one, and the number of its call.

        Args:
            path: where it was sent.
            content: the body.
        """
        for kept in reversed(self._kept):
            at = len(kept.start)
            if (
                content[at : at + 1] == b","
                and kept.path == path
                and content.startswith(kept.start)
                and content.endswith(kept.end)
            ):
                new = content[at + 1 : len(content) - len(kept.end)]
                if new.count(b"[") + new.count(b"{") > _MAX_BRACKETS:
                    return None  # whoever reads it whole looks how deep it is
                try:
                    return orjson.loads(b"[" + new + b"]"), kept.body, kept.number
                except orjson.JSONDecodeError:
                    continue
        return None

    def keep(self, path: str, content: bytes, body: Body, number: int) -> None:
        """Keep a body, for the next one may begin as it does.

        Args:
            path: where it was sent.
            content: the body.
            body: what was read of it.
            number: of its call.
        """
        if len(content) > _MAX_BYTES:
            return
        if body.since is None:
            at = _end_of_list(content, body)
        else:
            last = next((kept for kept in self._kept if kept.number == body.since), None)
            at = None if last is None else len(content) - len(last.end)
        if at is not None:
            self._kept.append(_Kept(path, content[:at], content[at:], body, number))


def _end_of_list(content: bytes, body: Body) -> int | None:
    """Return where the list of a body ends; None if it is not found.

    It is the bracket after which the body has exactly the members that come after the list.
    """
    expected = {"": 0, **{name: body.document[name] for name in body.behind}}
    at = len(content)
    for _ in range(_MAX_TRIES):
        at = content.rfind(b"]", 0, at)
        if at < 0:
            return None
        try:
            found = orjson.loads(b'{"":0' + content[at + 1 :])
        except orjson.JSONDecodeError:
            continue
        if found == expected:
            return at
    return None
