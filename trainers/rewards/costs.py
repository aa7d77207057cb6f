"""Terms that are added to rewards: for the form and for the length of a message."""

from __future__ import annotations

import numpy as np

from ...errors import UsageError
from ..credit.table.columns import FloatArray, sums
from ..credit.table.table import TurnTable
from ..parts import Source
from .base import register


@register(
    "format",
    source=Source(
        exact="ours",
        how="by hand",
    ),
)
def format_term(table: TurnTable, *, bonus: float = 0.0, cost: float = 0.1) -> TurnTable:
    """Add bonus to turns whose action could be read, and subtract cost from the others.

    Args:
        table: the batch.
        bonus: of a turn that could be read.
        cost: of one that could not.

    Raises:
        TableError: if column malformed is missing.
    """
    unread_N = table.column("malformed", "format_term")
    return _added(table, np.where(unread_N, -cost, bonus))


@register(
    "length",
    source=Source(
        paper="DAPO, equation 13",
        ref="arXiv 2503.14476",
    ),
)
def length_term(table: TurnTable, *, limit_tokens: int, buffer_tokens: int, weight: float = 1.0) -> TurnTable:
    """Subtract a soft penalty from turns that come near the limit of tokens.

    Yu et al., DAPO, arXiv 2503.14476, equation 13: nothing up to limit - buffer,
    then linearly up to weight at the limit, weight beyond it.

    Raises:
        TableError: if column num_tokens is missing.
        UsageError: unless 0 < buffer_tokens <= limit_tokens.
    """
    if not 0 < buffer_tokens <= limit_tokens:
        raise UsageError(
            f"length: limit_tokens={limit_tokens}, buffer_tokens={buffer_tokens};"
            " expected 0 < buffer_tokens <= limit_tokens"
        )
    over_N = table.numbers("num_tokens", "length_term") - (limit_tokens - buffer_tokens)
    return _added(table, -weight * np.clip(over_N / buffer_tokens, 0.0, 1.0))


def _added(table: TurnTable, term_N: FloatArray) -> TurnTable:
    per_trajectory_M = sums(term_N, table.trajectory, table.num_trajectories)
    return table.with_rewards(
        table.reward + term_N, table.episode_return + per_trajectory_M[table.trajectory]
    )
