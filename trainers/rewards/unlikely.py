"""Rewarding the unlikely: what the policy would have said anyway earns less.

Shapes: _N rows (turns), _M trajectories, _G prompt groups.
"""

from __future__ import annotations

import numpy as np

from ...errors import UsageError
from ..credit.table.columns import FloatArray, IntArray, sums
from ..credit.table.table import TurnTable
from ..parts import Source
from .base import register


@register(
    "unlikely",
    source=Source(
        "Rewarding the unlikely: lifting GRPO beyond distribution sharpening",
        "arXiv 2506.02355",
        exact="golden",
        how="the rewards that the published code gives to its normalisation",
        note="equally likely members share the mean of their ranks; in the release their sort decides; "
        "log-probabilities are those that sampled, which the release computes anew",
    ),
)
def unlikely(table: TurnTable, *, penalty: float = 0.25) -> TurnTable:
    """Multiply the rewards of each trajectory by 1 - penalty * rank / G, the likeliest of G ranking highest.

    He et al., arXiv 2506.02355, as in the published code. Ranks go from 0 to G - 1, by the mean
    log-probability of a trajectory's tokens. GRPO alone makes likelier what is likely; among right answers
    this prefers the rare ones, and more of different kinds remain.

    Args:
        table: the batch; needs columns logprob (the sum over a turn's tokens) and num_tokens.
        penalty: what the likeliest loses, 0 to 1.

    Raises:
        TableError: if a column is missing.
        UsageError: if penalty is not from 0 to 1.
    """
    if not 0 <= penalty <= 1:
        raise UsageError(f"unlikely: penalty={penalty!r}; expected a number from 0 to 1")
    num = table.num_trajectories
    length_M = sums(table.numbers("num_tokens", "unlikely"), table.trajectory, num)
    mean_M = sums(table.numbers("logprob", "unlikely"), table.trajectory, num) / np.maximum(length_M, 1)
    rank_M, count_M = _ranks(table, mean_M)
    factor_N = (1.0 - penalty * rank_M / np.maximum(count_M, 1))[table.trajectory]
    return table.with_rewards(table.reward * factor_N, table.episode_return * factor_N)


def _ranks(table: TurnTable, values_M: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return each value's rank among those of its group that count, and how many these are [M]."""
    rows_M = table.first_rows
    counts_M, group_M = table.counts[rows_M], table.group[rows_M]
    order = np.lexsort((values_M, ~counts_M, group_M))
    group, value = group_M[order], values_M[order]
    count_G = np.bincount(group_M, minlength=table.num_groups)
    place = np.arange(order.size) - (np.cumsum(count_G) - count_G)[group]
    new = np.append(True, (np.diff(group) != 0) | (np.diff(value) != 0))[: order.size]
    block = np.cumsum(new) - 1
    rank_M = np.empty(order.size)
    rank_M[order] = (np.bincount(block, place) / np.maximum(np.bincount(block), 1))[block]
    num_G = np.bincount(group_M, counts_M, minlength=table.num_groups).astype(np.int64)
    return rank_M, num_G[group_M]
