"""Which value heads a credit estimator needs, and where in a turn each reads its value.

A head is named after the column that the estimator reads. Values are those of
the policy's state at a place of the turn:

    prompt    the last token before the message
    subgoal   the last token before the subgoal; that of the prompt where one is kept
    action    the last token before the action; that of the prompt where none was read
    end       the last token of the message
    tokens    the last token before each token of the message: one value a token
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Turn
from ...errors import TableError, UnknownName, UsageError
from ..credit import Credit

__all__ = ["HEADS_OF", "Head", "Place", "find_heads", "offset"]

Place = Literal["prompt", "subgoal", "action", "end", "tokens"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Head:
    """Be one value head.

    Args:
        name: the column of the turn table that it fills.
        place: where in a turn it reads.
        target: its key in `Credit.targets`.
        known: the part of the credit that tells which turns have a target; empty: all.
        slow: whether a copy that follows slowly fills the column target_NAME.
        beyond: whether it fills the column next_NAME: the value after the last turn
            of a trajectory that was cut off, 0 elsewhere.
    """

    name: str
    place: Place
    target: str
    known: str = ""
    slow: bool = False
    beyond: bool = False

    def targets(self, credit: Credit) -> Floats:
        """Return what the head regresses on [R], or [L] tokens end to end; NaN where nothing is known.

        Raises:
            TableError: if the estimator gives no such target.
        """
        given = (credit.targets or {}).get(self.target)
        if given is None:
            raise TableError(
                f"value head {self.name!r} has nothing to learn: the credit estimator gives no target "
                f"{self.target!r}, it gives {', '.join(sorted(credit.targets or {})) or 'none'}"
            )
        flat = np.concatenate([*given, np.zeros(0)]) if isinstance(given, list) else np.asarray(given, float)
        return np.where(credit.parts[self.known], flat, np.nan) if self.known else flat


def _twin(number: int) -> tuple[Head, Head]:
    return (
        Head(f"q{number}", "end", f"q{number}", slow=True),
        Head(f"v{number}", "prompt", f"v{number}", slow=True, beyond=True),
    )


HEADS_OF: dict[str, tuple[Head, ...]] = {
    "turn_ppo": (Head("value", "prompt", "value", beyond=True),),
    "archer": (*_twin(1), *_twin(2)),
    "hae": (
        Head("v_low", "action", "low"),
        Head("v_high", "subgoal", "high", known="boundary"),
        Head("v_term", "prompt", "term"),
    ),
    "poad": (Head("token_values", "tokens", "value"),),
    "bilevel_gae": (Head("token_values", "tokens", "value"),),
}


def find_heads(estimator: str, wanted: Sequence[str] = ()) -> tuple[Head, ...]:
    """Return the heads of a recipe: those of its estimator, or those wanted.

    Args:
        estimator: the name of the credit estimator.
        wanted: heads of a method of one's own, `NAME` or `NAME@PLACE` each; the
            target bears the same name, the place is the prompt by default.

    Raises:
        UnknownName: for another place.
        UsageError: if a name is empty or there twice.
    """
    if not wanted:
        return HEADS_OF.get(estimator, ())
    heads = []
    for each in wanted:
        name, _, place = each.partition("@")
        if place and place not in get_args(Place):
            raise UnknownName(f"place of critic.heads {each!r}", place, get_args(Place))
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
