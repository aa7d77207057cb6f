"""The value heads of a run: those that its credit estimator declares, or those that a recipe names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast, get_args

from ...agents.types import Turn
from ...errors import UnknownName, UsageError
from ..credit.base import Head, Place


def find_heads(own: tuple[Head, ...], wanted: Sequence[str] = ()) -> tuple[Head, ...]:
    """Return the heads of a recipe: those of its estimator, or those wanted.

    Args:
        own: the heads that the credit estimator declares.
        wanted: heads of a method of one's own, `NAME` or `NAME@PLACE` each; the
            target bears the same name, the place is the prompt by default.

    Raises:
        UnknownName: for another place.
        UsageError: if a name is empty or there twice.
    """
    if not wanted:
        return own
    heads = []
    for text in wanted:
        name, _, place = text.partition("@")
        if place and place not in get_args(Place):
            raise UnknownName(f"place of critic.heads {text!r}", place, get_args(Place))
        heads.append(Head(name, cast(Place, place or "prompt"), name, beyond=place in ("", "prompt")))
    names = [head.name for head in heads]
    if "" in names or len(set(names)) < len(names):
        raise UsageError(f"critic.heads is {list(wanted)}; expected different names, NAME or NAME@PLACE")
    return tuple(heads)


def offset(turn: Turn, place: Place) -> int:
    """Return how many tokens after the end of the prompt a place lies."""
    if place == "end":
        return len(turn.generation.token_ids)
    starts: dict[Any, int] = {span.role: span.start for span in turn.spans}
    return starts.get(place, 0)
