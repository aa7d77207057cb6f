"""CANON: a group in two halves by a measure of its trajectories, compared across and inside.

Shapes: _N rows (turns), _M trajectories.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import average, centre, moments
from ...table.columns import FloatArray, IntArray, sums
from ...table.table import TurnTable


@register(
    "canon",
    source=Source(
        "CANON: conditional advantage estimation for large reasoning models",
        "arXiv 2509.23962",
        exact="golden",
        how="by length and by entropy, with the published weights",
        note="members that are equal at the median belong to both halves in part (the release takes them in "
        "row order); a group of one gives 0; the division by the longest response is left to the loss",
    ),
)
def canon(
    table: TurnTable,
    *,
    metric: str = "turns",
    per: Literal["trajectory", "turn", "token"] = "trajectory",
    mu: float = 0.5,
    alpha: float = 1.0,
    beta: float = 0.0,
    weighed: Literal["upper", "lower"] = "upper",
) -> Credit:
    """Give every turn mu (R - mean of the other half) + (1 - mu) (R - mean of its own half).

    CANON, arXiv 2509.23962, equations 5 and 8, as in the published code. A group is split at the
    median of a measure. Between the halves the direction that pays is learned, inside a half what is
    better than others of its kind; at mu = 1/2 and equal halves both together are Dr. GRPO.

    Args:
        table: the batch; needs the column of the measure.
        metric: "turns", "tokens" (column num_tokens), or a column that is summed over the
            trajectory, such as "entropy" or "tool_calls".
        per: the sum over the "trajectory", or what a "turn" or a "token" has of it.
        mu: the weight of the comparison between halves, 0 to 1.
        alpha: factor of the weighed half's returns between the halves; 1 prefers neither. With another
            one a group in which all returns are equal has a direction too.
        beta: added to the upper half between the halves, and taken from the lower.
        weighed: the half that alpha belongs to: "upper" in the release by length, "lower" by entropy.

    Returns:
        advantage [N]; parts metric and upper, the share in which the trajectory is in the upper half [N];
        figure upper_ahead, by how much upper halves return more.
    """
    check_choice("per", per, ("trajectory", "turn", "token"))
    check_choice("weighed", weighed, ("upper", "lower"))
    rows_M = table.first_rows
    group_M = table.group[rows_M]
    metric_M = _measured(table, metric, per)
    upper_M = _upper_share(metric_M, group_M, table.num_groups)
    of = moments(table.episode_return[rows_M], group_M, table.num_groups)
    away_M = centre(table.episode_return[rows_M], group_M, of)  # what follows knows differences alone
    high_M = _mean(away_M, upper_M, group_M, table.num_groups)
    low_M = _mean(away_M, 1.0 - upper_M, group_M, table.num_groups)
    up, down = (alpha, 1.0) if weighed == "upper" else (1.0, alpha)
    lift_M = (up - down) * of.mean[group_M] + beta
    above_M = mu * (up * away_M - down * low_M + lift_M) + (1 - mu) * (away_M - high_M)
    below_M = mu * (down * away_M - up * high_M - lift_M) + (1 - mu) * (away_M - low_M)
    advantage_M = upper_M * above_M + (1.0 - upper_M) * below_M
    advantage_M[(of.count == 1)[group_M]] = 0.0
    parts = {"metric": metric_M[table.trajectory], "upper": upper_M[table.trajectory]}
    return Credit(
        advantage_M[table.trajectory], parts=parts, figures={"upper_ahead": average(high_M - low_M)}
    )


def _measured(table: TurnTable, metric: str, per: str) -> FloatArray:
    """Return the measure of each trajectory [M]."""
    num = table.num_trajectories
    if metric == "turns":
        whole_M = table.lengths.astype(np.float64)
    else:
        column = "num_tokens" if metric == "tokens" else metric
        whole_M = sums(table.numbers(column, "canon"), table.trajectory, num)
    if per == "trajectory":
        return whole_M
    tokens = per == "token"
    size_M = sums(table.numbers("num_tokens", "canon"), table.trajectory, num) if tokens else table.lengths
    share_M: FloatArray = whole_M / np.maximum(size_M, 1)
    return share_M


def _upper_share(metric_M: FloatArray, group_M: IntArray, num_groups: int) -> FloatArray:
    """Return in which part each trajectory belongs to the upper half of its group [M].

    The lower half has n // 2 members. Equal ones share the places that they take.
    """
    order = np.lexsort((metric_M, group_M))
    group, metric = group_M[order], metric_M[order]
    count_G = np.bincount(group_M, minlength=num_groups)
    place = np.arange(order.size) - (np.cumsum(count_G) - count_G)[group]
    new = np.append(True, (np.diff(group) != 0) | (np.diff(metric) != 0))[: order.size]
    block = np.cumsum(new) - 1
    upper = np.bincount(block, place >= count_G[group] // 2) / np.maximum(np.bincount(block), 1)
    share_M = np.empty(order.size)
    share_M[order] = upper[block]
    return share_M


def _mean(values_M: FloatArray, weight_M: FloatArray, group_M: IntArray, num_groups: int) -> FloatArray:
    """Return the weighted mean of each trajectory's group [M]; 0 where nothing weighs."""
    total_G, weight_G = sums(weight_M * values_M, group_M, num_groups), sums(weight_M, group_M, num_groups)
    mean_M: FloatArray = (total_G / np.where(weight_G > 0, weight_G, 1.0))[group_M]
    return mean_M
