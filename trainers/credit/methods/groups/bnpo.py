"""BNPO: centred returns, weighed by how rare their group's mean is under a Beta distribution.

Shapes: _N rows (turns), _G prompt groups.
"""

from __future__ import annotations

from math import lgamma

import numpy as np

from .....errors import TableError
from ....parts import Source
from ...base import Credit, register
from ...statistics.groups import Moments, average, centre, moments
from ...table.columns import FloatArray
from ...table.table import TurnTable


@register(
    "bnpo",
    source=Source(
        "BNPO: Beta normalization policy optimization",
        "arXiv 2506.02864",
        exact="golden",
        how="the advantage of the published code",
        note="without bounds given, the least and the largest return of the batch stand for 0 and 1; where "
        "all groups have one mean, for which the release divides by 0, every weight is 1; a group of one "
        "gives 0",
    ),
)
def bnpo(
    table: TurnTable, *, least: float | None = None, most: float | None = None, limit: float = 1e6
) -> Credit:
    """Give every turn (r - p) / Beta(p; 1 + a/3, 1 + b/3), p the mean of its group, r its return in [0, 1].

    BNPO, arXiv 2506.02864, as in the published code: Beta(a, b) has the mean and the variance
    of p over the groups of the batch; a group with a mean that is common gets less than one with
    a rare mean. Neither parameter of the density is below 1.

    Args:
        table: the batch; needs no column beyond the required.
        least: the return that becomes 0; None: the least of the batch.
        most: the return that becomes 1; None: the largest of the batch.
        limit: of the weight.

    Returns:
        advantage [N]; parts group_mean (p) and weight [N]; figure weight, its mean where it weighs.

    Raises:
        TableError: if a group's mean lies outside of the bounds that were given.
    """
    returns_M = table.episode_return[table.first_rows]
    low = float(returns_M.min(initial=np.inf)) if least is None else least
    high = float(returns_M.max(initial=-np.inf)) if most is None else most
    if not high > low:
        nothing_N = np.zeros(len(table))
        return Credit(nothing_N, parts={"group_mean": nothing_N, "weight": nothing_N + 1.0})
    score_N = (table.episode_return - low) / (high - low)
    rows_M = table.first_rows
    of = moments(score_N[rows_M], table.group[rows_M], table.num_groups)
    if of.mean.size and not (of.mean.min() >= -1e-9 and of.mean.max() <= 1 + 1e-9):
        raise TableError(
            f"bnpo: mean returns of groups run from {of.mean.min() * (high - low) + low:g} to "
            f"{of.mean.max() * (high - low) + low:g}; expected {low:g} to {high:g}: set least and most"
        )
    mean_G = np.clip(of.mean, 0.0, 1.0)
    weight_N = _weights(mean_G, limit)[table.group]
    advantage_N = weight_N * centre(score_N, table.group, of)
    return Credit(
        advantage_N,
        parts={"group_mean": mean_G[table.group], "weight": weight_N},
        figures={"weight": average(weight_N[advantage_N != 0.0])},
    )


def _weights(mean_G: FloatArray, limit: float) -> FloatArray:
    """Return 1 over the density of each group's mean, at most the limit [G]."""
    of: Moments = moments(mean_G, np.zeros(mean_G.size, dtype=np.int64), 1)
    if not of.alive[0]:
        return np.ones(mean_G.size)
    mean, variance = float(of.mean[0]), float(of.std[0]) ** 2
    spread = mean * (1 - mean) / variance - 1
    alpha, beta = max(1.0, 1 + spread * mean / 3), max(1.0, 1 + spread * (1 - mean) / 3)
    log_G = np.full(mean_G.size, lgamma(alpha) + lgamma(beta) - lgamma(alpha + beta))
    for exponent, value_G in ((alpha - 1, mean_G), (beta - 1, 1 - mean_G)):
        if exponent > 0:
            some_G = value_G > 0
            log_G -= exponent * np.log(np.where(some_G, value_G, 1.0))
            log_G[~some_G] = np.inf
    weight_G: FloatArray = np.exp(np.minimum(log_G, np.log(limit)))
    return weight_G
