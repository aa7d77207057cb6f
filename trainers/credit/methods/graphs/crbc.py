"""CRBC: an action is worth what the whole group makes of where it leads, not what became of one episode.

Shapes: _N rows (turns), _V nodes (states of a prompt group).
"""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, register
from ...states.values import next_values, success_values
from ...statistics.groups import average, centre, moments
from ...statistics.scores import Mode, Penalised, Statistics, episode_advantage, penalties
from ...table.columns import combine, sums
from ...table.table import TurnTable


@register(
    "crbc",
    source=Source(
        "Cross-rollout Bellman closure (CRBC)",
        "arXiv 2609.35082",
        "by hand",
        how="equations 5 to 9, 13 and 14",
        note="an invalid turn pays in the episode's term alone, since the step's term knows success only."
        " The gate of equation 13 needs no line of its own: where one action was taken, Q equals V",
    ),
)
def crbc(
    table: TurnTable,
    *,
    gamma: float = 0.98,
    step_weight: float = 5.0,
    episode_weight: float = 1.0,
    floor: float = 0.1,
    mode: Mode = "mean_std",
    statistics: Statistics = "trajectories",
    epsilon: float = 1e-6,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn episode_weight * A_episode + step_weight * (Q - V) / sigma.

    Cross-rollout Bellman closure, arXiv 2609.35082. What a prompt group has tried is a small process
    of its own: V(s) is its discounted chance to succeed from s, solved exactly, Q(s, a) is gamma times
    the mean V of where a led from s. sigma is the deviation of Q over the turns taken in s.

    Args:
        table: the batch; needs columns state_key and action. Solved is column
            success, or without it an episode return above 0.
        gamma: discount from turn to turn.
        step_weight: the weight of the step's term.
        episode_weight: the weight of A_episode.
        floor: the least sigma.
        mode: of A_episode, "mean_std" or "mean" (ddof 1).
        statistics: of A_episode, over "trajectories" or "turns".
        epsilon: added to the deviation of A_episode.
        invalid_penalty: subtracted from the episode's score of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts node_value, next_value, action_value, episode_advantage, step_advantage,
        step_group; figure compared, the share of turns that the step's term tells from others of the state.
    """
    node_N = table.anchors("crbc")
    num_nodes = int(node_N.max(initial=-1)) + 1
    value_N = success_values(table, node_N, gamma, "crbc")[node_N]
    next_N = next_values(table, value_N, np.where(table.solved("crbc"), 1.0, 0.0))
    pair_N = combine(node_N, table.codes("action", "crbc"))
    size_P = np.bincount(pair_N)
    action_N = gamma * (sums(next_N, pair_N, size_P.size) / np.maximum(size_P, 1))[pair_N]
    of = moments(action_N, node_N, num_nodes, ddof=0)
    step_N = centre(action_N, node_N, of) / np.maximum(of.std, floor)[node_N]
    score_N = table.episode_return - penalties(table, invalid_penalty, penalised)
    episode_N = episode_advantage(table, score_N, mode, statistics, epsilon)
    return Credit(
        episode_weight * episode_N + step_weight * step_N,
        parts={
            "node_value": value_N,
            "next_value": next_N,
            "action_value": action_N,
            "episode_advantage": episode_N,
            "step_advantage": step_N,
            "step_group": node_N,
        },
        figures={"compared": average(step_N != 0.0)},
    )
