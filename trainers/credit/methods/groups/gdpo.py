"""GDPO: several rewards, each normalised in its group before they are added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from .....errors import UsageError
from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import average, moments, standardise
from ...statistics.scores import episode_advantage
from ...statistics.whiten import whitened
from ...table.columns import FloatArray, sums
from ...table.table import TurnTable


@register(
    "gdpo",
    source=Source(
        "GDPO: group reward-decoupled normalization policy optimization",
        "arXiv 2601.05242",
        exact="golden",
        how="the published code for verl (over tokens) and for TRL (over trajectories)",
        note="a group of one gives 0 before whitening; it keeps its score there",
    ),
)
def gdpo(
    table: TurnTable,
    *,
    rewards: Sequence[str] = ("reward",),
    weights: Sequence[float] = (),
    over: Literal["tokens", "trajectories"] = "tokens",
    epsilon: float = 1e-6,
    white_epsilon: float = 1e-8,
) -> Credit:
    """Give every turn the weighted sum of its rewards' z-scores, whitened over the batch.

    GDPO, arXiv 2601.05242. Rewards that are added up first and normalised after collapse: what differs
    in one is lost beside a larger one. Here each is (sum over the trajectory - mean) / (std +
    epsilon) in its group (sample deviation, ddof 1) before the weights apply.

    Args:
        table: the batch; needs the columns, and num_tokens over "tokens".
        rewards: columns of rewards, tiers of the environment among them; "reward" is the episode's return.
        weights: one for each reward; empty: all 1.
        over: what is whitened: the batch's "tokens", as the code for verl does, divided by sqrt(variance +
            white_epsilon), or its "trajectories", as that for TRL does, by deviation + white_epsilon.
        epsilon: added to deviations of groups.
        white_epsilon: see over; 1e-4 in the code for TRL.

    Returns:
        advantage [N]; parts combined, before whitening, and z_NAME of each reward [N];
        figures live_NAME, the share of turns in groups that differ in it.

    Raises:
        UsageError: if there is no reward, or not one weight for each.
    """
    check_choice("over", over, ("tokens", "trajectories"))
    weight_of = dict(zip(rewards, weights_of(rewards, weights, "gdpo"), strict=True))
    scores = {
        name: episode_advantage(table, whole_reward(table, name, "gdpo"), "mean_std", "trajectories", epsilon)
        for name in rewards
    }
    combined_N = np.zeros(len(table))
    for name, score_N in scores.items():
        combined_N += weight_of[name] * score_N
    if over == "tokens":
        white_N = whitened(combined_N, table.column("num_tokens", "gdpo"), white_epsilon)
    else:
        rows_M = table.first_rows
        of = moments(combined_N[rows_M], np.zeros_like(rows_M), 1)
        white_N = standardise(combined_N, np.zeros_like(table.group), of, "mean_std", white_epsilon)
    return Credit(
        white_N,
        parts={"combined": combined_N, **{f"z_{name}": z_N for name, z_N in scores.items()}},
        figures={f"live_{name}": average(z_N != 0.0) for name, z_N in scores.items()},
    )


def whole_reward(table: TurnTable, name: str, method: str) -> FloatArray:
    """Return what a reward comes to over the trajectory of each turn [N].

    Args:
        table: the batch.
        name: of the column; "reward" is the episode's return.
        method: who asks, for messages.
    """
    if name == "reward":
        return table.episode_return
    values_N = table.numbers(name, method)
    whole_N: FloatArray = sums(values_N, table.trajectory, table.num_trajectories)[table.trajectory]
    return whole_N


def weights_of(rewards: Sequence[str], weights: Sequence[float], method: str) -> Sequence[float]:
    """Return one weight for each reward, all 1 where none are given.

    Raises:
        UsageError: if there is no reward, or not one weight for each.
    """
    if not rewards or (weights and len(weights) != len(rewards)):
        raise UsageError(
            f"{method}: rewards {list(rewards)}, weights {list(weights)}; expected some, and one weight "
            "for each"
        )
    return weights or [1.0] * len(rewards)
