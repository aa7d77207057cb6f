"""G2PO: a turn is worth what the state that it leads to has earned on average.

Shapes: _N rows (turns), _V nodes (states of a prompt group).
"""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, register
from ...states.anchors import step_advantage
from ...statistics.groups import moments, standardise
from ...statistics.scores import Mode, Penalised, Statistics, episode_advantage, penalties
from ...table.columns import sums
from ...table.table import TurnTable


@register(
    "g2po",
    source=Source(
        paper="G2PO",
        ref="arXiv 2606.22995",
        exact="golden",
        note="the release's fixed 0.95, 10 and 0.1 are parameters",
    ),
)
def g2po(
    table: TurnTable,
    *,
    mode: Mode = "mean",
    step_weight: float = 1.0,
    epsilon: float = 1e-6,
    gamma: float = 0.95,
    success_reward: float | None = None,
    invalid_penalty: float = 0.1,
    penalised: Penalised = "invalid",
    statistics: Statistics = "turns",
) -> Credit:
    """Give every turn A_episode + step_weight * (A_next + A_gain).

    G2PO, arXiv 2606.22995, with the published code's constants as defaults.
    V(s) is the mean over visits of gamma^(T - t) * episode return, t from 0 and
    T the trajectory's turns; beyond the last turn of a solved episode it is the
    episode's return, else 0. A_next compares V(next), less the
    penalty, among turns in equal states; A_gain compares V(next) - V(state)
    over the prompt group.

    Args:
        table: the batch; needs column state_key.
        mode: "mean_std" or "mean", in all three terms (ddof 1).
        step_weight: the weight of the two terms of the graph.
        epsilon: added to deviations.
        gamma: discount of V.
        success_reward: None: solved is column success, or without it a return
            above 0; or a return: solved are the episodes that have exactly it, as
            in the published code (10).
        invalid_penalty: subtracted from V(next) and from the episode's score of an invalid turn.
        penalised: which turns pay it.
        statistics: of A_episode, over "turns" (as shipped) or "trajectories".

    Returns:
        advantage [N]; parts node_value, next_value, next_advantage,
        gain_advantage, step_advantage, episode_score, episode_advantage, step_group.
    """
    node_N = table.anchors("g2po")
    num_nodes = int(node_N.max(initial=-1)) + 1
    left_N = (table.lengths[table.trajectory] - table.turn).astype(np.float64)
    earned_V = sums(gamma**left_N * table.episode_return, node_N, num_nodes)
    value_N = (earned_V / np.maximum(np.bincount(node_N, minlength=num_nodes), 1))[node_N]
    solved_N = table.solved("g2po") if success_reward is None else table.episode_return == success_reward
    terminal_N = np.where(solved_N, table.episode_return, 0.0)
    next_N = np.where(table.is_last, terminal_N, np.append(value_N[1:], 0.0)[: len(table)])
    penalty_N = penalties(table, invalid_penalty, penalised)
    better_N = step_advantage(next_N - penalty_N, node_N, mode, epsilon)
    gain_N = next_N - value_N
    gained_N = standardise(gain_N, table.group, moments(gain_N, table.group, table.num_groups), mode, epsilon)
    score_N = table.episode_return - penalty_N
    episode_N = episode_advantage(table, score_N, mode, statistics, epsilon)
    return Credit(
        episode_N + step_weight * (better_N + gained_N),
        parts={
            "node_value": value_N,
            "next_value": next_N,
            "next_advantage": better_N,
            "gain_advantage": gained_N,
            "step_advantage": better_N + gained_N,
            "episode_score": score_N,
            "episode_advantage": episode_N,
            "step_group": node_N,
        },
    )
