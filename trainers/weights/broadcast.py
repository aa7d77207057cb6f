"""Weighters that spread what the estimator said: by turn, by span, by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Turn
from ...errors import TableError, UnknownName, UsageError
from ..credit.base import Credit
from ..parts import Source
from .base import register

Floats = NDArray[np.float64]


@register(
    "turn",
    source=Source(
        exact="ours",
    ),
)
def turn(credit: Credit, turns: Sequence[Turn]) -> list[Floats]:
    """Give every token the advantage of its turn."""
    return [
        np.full(len(turn.generation.token_ids), advantage)
        for turn, advantage in zip(turns, credit.advantage, strict=True)
    ]


@register(
    "spans",
    source=Source(
        paper="HiPER",
        ref="arXiv 2602.16165",
    ),
)
def spans(
    credit: Credit, turns: Sequence[Turn], *, outside: Literal["turn", "zero"] = "turn"
) -> list[Floats]:
    """Give the tokens of a named span the number of that span.

    Args:
        credit: with `spans`: role -> [N].
        turns: with spans of token places.
        outside: tokens in no span get the advantage of the turn, or 0.

    Raises:
        UsageError: if the estimator gave no spans.
        UnknownName: for another `outside`.
    """
    if credit.spans is None:
        raise UsageError("weights.name = 'spans', but the credit estimator gives none; use 'turn'")
    if outside not in ("turn", "zero"):
        raise UnknownName("value of weights.outside", outside, ["turn", "zero"])
    weights = []
    for row, turn in enumerate(turns):
        rest = float(credit.advantage[row]) if outside == "turn" else 0.0
        weight_L = np.full(len(turn.generation.token_ids), rest)
        for span in turn.spans:
            if span.role in credit.spans:
                weight_L[span.start : span.end] = credit.spans[span.role][row]
        weights.append(weight_L)
    return weights


@register(
    "tokens",
    source=Source(
        exact="ours",
    ),
)
def tokens(credit: Credit, turns: Sequence[Turn]) -> list[Floats]:
    """Take the estimator's own numbers for each token.

    Raises:
        UsageError: if the estimator gave none.
        TableError: if a turn has another number of tokens.
    """
    if credit.tokens is None:
        raise UsageError("weights.name = 'tokens', but the credit estimator gives none; use 'turn'")
    weights = []
    for row, (turn, given_L) in enumerate(zip(turns, credit.tokens, strict=True)):
        if len(given_L) != len(turn.generation.token_ids):
            raise TableError(
                f"row {row}: credit for {len(given_L)} tokens, the turn has {len(turn.generation.token_ids)}"
            )
        weights.append(np.asarray(given_L, dtype=np.float64))
    return weights
