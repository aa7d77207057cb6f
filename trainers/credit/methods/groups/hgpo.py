"""HGPO: turns compared with those that share ever longer histories.

Shapes: _N rows (turns).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from .....errors import UsageError
from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import moments, standardise
from ...statistics.scores import Mode, Penalised, episode_advantage, penalties
from ...table.columns import BoolArray, FloatArray, IntArray, combine
from ...table.table import TurnTable


@register(
    "hgpo",
    source=Source(
        paper="Hierarchy-of-groups policy optimization",
        ref="arXiv 2602.22817",
        exact="golden",
        note="weights k^alpha of the paper as an option beside the released (k + 1)^alpha",
    ),
)
def hgpo(
    table: TurnTable,
    *,
    mode: Mode = "mean_std",
    gamma: float = 0.95,
    epsilon: float = 1e-6,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
    history: int = 2,
    alpha: float = 1.0,
    weights: Literal["released", "paper"] = "released",
    base_group: bool = False,
) -> Credit:
    """Give every turn the weighted mean of its advantages among turns with the same last k states.

    Hierarchy-of-groups policy optimization, arXiv 2602.22817, as in the
    published code.
    For k = 1 to history + 1 the turns of a prompt group with equal last k
    states form a group; A_k is the return-to-go normalised in it (population
    deviation, ddof 0). Groups of one are skipped and so are values that are
    exactly 0; A = sum of w_k A_k / (sum of w_k + epsilon).

    Args:
        table: the batch; needs column state_key.
        mode: "mean_std" or "mean".
        gamma: discount of the return-to-go.
        epsilon: added to deviations and to the sum of weights.
        invalid_penalty: subtracted from the scores of an invalid turn.
        penalised: which turns pay it.
        history: the number of earlier states that the policy sees; 2 or 4 in the paper.
        alpha: the exponent of the weights.
        weights: w_k = (k + 1)^alpha as "released", or k^alpha as in the "paper".
        base_group: whether the episode's advantage (over turns) joins as k = 0.

    Returns:
        advantage [N]; parts step_return, step_score, episode_score, and
        depth_1 .. depth_K with A_k (0 where it is skipped).

    Raises:
        UsageError: if history is negative.
    """
    check_choice("mode", mode, ("mean_std", "mean"))
    check_choice("weights", weights, ("released", "paper"))
    if history < 0:
        raise UsageError(f"hgpo: history={history}; expected 0 or more")
    penalty_N = penalties(table, invalid_penalty, penalised)
    return_N = table.returns(gamma)
    score_N = return_N - penalty_N
    episode_score_N = table.episode_return - penalty_N
    items = {}
    if base_group:
        items[0] = episode_advantage(table, episode_score_N, mode, "turns", epsilon)
    group_N = table.anchors("hgpo")
    for depth in range(1, history + 2):
        if depth > 1:
            group_N = _deeper(table, group_N)
        items[depth] = _within(score_N, group_N, table.turn >= depth - 1, mode, epsilon)
    total_N, weight_N = np.zeros(len(table)), np.zeros(len(table))
    for depth, item_N in items.items():
        weight = float(depth + 1 if weights == "released" else depth) ** alpha
        total_N += weight * item_N
        weight_N += np.where(item_N != 0.0, weight, 0.0)
    return Credit(
        np.where(weight_N > 0, total_N / (weight_N + epsilon), 0.0),
        parts={
            "step_return": return_N,
            "step_score": score_N,
            "episode_score": episode_score_N,
            **{f"depth_{depth}": item_N for depth, item_N in items.items()},
        },
    )


def _deeper(table: TurnTable, group_N: IntArray) -> IntArray:
    """Code the last k states by the state now and the code of the last k - 1 states a turn ago."""
    if not len(table):
        return group_N
    before_N = np.append(0, group_N[:-1])
    return combine(before_N, table.anchors())


def _within(
    score_N: FloatArray, group_N: IntArray, deep_N: BoolArray, mode: Mode, epsilon: float
) -> FloatArray:
    """Normalise inside the groups; turns without that much history, and groups of one, get 0."""
    item_N = np.zeros(score_N.size)
    group = group_N[deep_N]
    of = moments(score_N[deep_N], group, int(group.max(initial=-1)) + 1, ddof=0)
    item_N[deep_N] = standardise(score_N[deep_N], group, of, mode, epsilon)
    return item_N
