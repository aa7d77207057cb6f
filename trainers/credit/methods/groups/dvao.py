"""DVAO: several rewards, each weighed by how much it differs in the group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....parts import Source
from ...base import Credit, register
from ...statistics.groups import average, centre, moments
from ...table.table import TurnTable
from .gdpo import weights_of, whole_reward


@register(
    "dvao",
    source=Source(
        "DVAO: dynamic variance-adaptive advantage optimization for multi-reward reinforcement learning",
        "arXiv 2605.25604",
        exact="by hand",
        how="the definition of the advantage, as a summary of the paper prints it",
        note="deviations with ddof 0, which the paper's bounds need",
    ),
)
def dvao(
    table: TurnTable,
    *,
    rewards: Sequence[str] = ("reward",),
    weights: Sequence[float] = (),
    epsilon: float = 1e-6,
) -> Credit:
    """Give every turn the sum of w s A over the sum of w s, A a reward's z-score and s its deviation.

    DVAO, arXiv 2605.25604. The deviation of a reward is that over the trajectories of the group (ddof 0): one
    in which a group does not differ weighs nothing there, and none has to be tuned against another. The
    advantage is never larger than that of the rewards' weighted sum, whose deviation is at most the sum of
    theirs.

    Args:
        table: the batch; needs the columns.
        rewards: columns of rewards, tiers of the environment among them; "reward" is the episode's return.
        weights: one for each reward; empty: all 1.
        epsilon: added to the sum of deviations.

    Returns:
        advantage [N]; parts weight_NAME, of each reward in the turn's group [N]; figures of the same
        names, their means.

    Raises:
        UsageError: if there is no reward, or not one weight for each.
    """
    rows_M = table.first_rows
    away_N, spread_G, own_G = np.zeros(len(table)), np.zeros(table.num_groups), {}
    for name, weight in zip(rewards, weights_of(rewards, weights, "dvao"), strict=True):
        whole_N = whole_reward(table, name, "dvao")
        of = moments(whole_N[rows_M], table.group[rows_M], table.num_groups, ddof=0)
        own_G[name] = np.where(of.alive, weight * of.std, 0.0)
        spread_G += own_G[name]
        away_N += np.where(of.alive[table.group], weight * centre(whole_N, table.group, of), 0.0)
    some_G = spread_G > 0
    whole_G = np.where(some_G, spread_G, 1.0)  # where nothing differs, away_N is 0
    share_G = {f"weight_{name}": values / whole_G for name, values in own_G.items()}
    return Credit(
        away_N / (whole_G + epsilon)[table.group],
        parts={name: values[table.group] for name, values in share_G.items()},
        figures={name: average(values[some_G]) for name, values in share_G.items()},
    )
