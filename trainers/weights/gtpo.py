"""A weighter that spares what won and lost messages have in common at their ends (GTPO)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Turn
from ...errors import UsageError
from ..credit.base import Credit
from ..parts import Source
from .base import Lesson, register

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@register(
    "gtpo",
    takes_lesson=True,
    source=Source(
        paper="GTPO: Trajectory-Based Policy Optimization in Large Language Models",
        ref="arXiv 2508.03772",
        exact="golden",
        how="the weights of conflict tokens, for messages of one turn number",
        note="GTPO by its conflict tokens alone: its filter and penalty by entropy are not here, nor does it "
        "divide by how many a response has, as its code. For several turns our reading: messages "
        "are compared with those of their group that have the same turn number",
    ),
)
def gtpo(credit: Credit, turns: Sequence[Turn], lesson: Lesson, *, won: float = 2.0) -> list[Floats]:
    """Weigh tokens that won and lost messages share at their start or their end (arXiv 2508.03772).

    A token is in conflict where a message of positive and one of negative advantage have it at the same
    place, counted from the start, and so with every token before it; or counted from the end, and so with
    every token after it. It weighs `won` in a message of positive advantage, and 0 in one of negative; in
    conflict from both sides, `won` twice. What holds a form together is so not unlearned.

    Args:
        credit: turn advantages.
        turns: with their tokens.
        lesson: which group a turn belongs to.
        won: the weight where the advantage is positive.

    Raises:
        UsageError: if the weight is negative.
    """
    if won < 0:
        raise UsageError(f"weights.won is {won}; expected at least 0")
    length_R = np.array([len(turn.generation.token_ids) for turn in turns], dtype=np.int64)
    number_R = np.array([turn.index for turn in turns], dtype=np.int64)
    block_R = np.unique(np.stack([lesson.group_R, number_R], axis=1), axis=0, return_inverse=True)[1]
    row_L = np.repeat(np.arange(len(turns)), length_R)
    token_L = np.concatenate([np.zeros(0, np.int64), *(turn.generation.token_ids for turn in turns)])
    start_R = np.cumsum(length_R) - length_R
    from_start_L = np.arange(len(row_L)) - start_R[row_L]
    from_end_L = length_R[row_L] - 1 - from_start_L
    weight_L = np.ones(len(row_L))
    advantage_L = credit.advantage[row_L]
    for place_L in (from_start_L, from_end_L):
        shared_L = _shared(block_R.ravel()[row_L], place_L, token_L.astype(np.int64), advantage_L)
        run_L = shared_L & (place_L < _first(~shared_L, place_L, row_L, length_R)[row_L])
        weight_L *= np.where(run_L, np.where(advantage_L > 0, won, 0.0), 1.0)
    return np.split(weight_L * advantage_L, start_R[1:])


def _shared(block_L: Ints, place_L: Ints, token_L: Ints, advantage_L: Floats) -> Bools:
    """Tell which tokens stand at their place in messages of both signs; those without a sign do not count."""
    widths = [int(column_L.max(initial=0)) + 1 for column_L in (place_L, token_L)]
    _, key_L = np.unique((block_L * widths[0] + place_L) * widths[1] + token_L, return_inverse=True)
    num = int(key_L.max(initial=-1)) + 1
    won_K, lost_K = (np.bincount(key_L, sign_L, num) > 0 for sign_L in (advantage_L > 0, advantage_L < 0))
    shared_L: Bools = (won_K & lost_K)[key_L] & (advantage_L != 0)
    return shared_L


def _first(marked_L: Bools, place_L: Ints, row_L: Ints, length_R: Ints) -> Ints:
    """Return the lowest place that is marked in each row [R], its length where none is."""
    first_R = length_R.copy()
    np.minimum.at(first_R, row_L[marked_L], place_L[marked_L])
    return first_R
