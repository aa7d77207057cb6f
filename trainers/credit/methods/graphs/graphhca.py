"""GraphHCA: a turn is worth the step that it makes towards success, on a logarithmic scale.

Shapes: _N rows (turns).
"""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, register
from ...states.anchors import step_advantage
from ...states.values import next_values, success_values
from ...statistics.groups import average
from ...statistics.scores import Mode, Penalised, Statistics, episode_advantage, penalties
from ...table.table import TurnTable


@register(
    "graphhca",
    source=Source(
        "GraphHCA, closed-form hindsight credit assignment",
        "arXiv 2609.35084",
        "by hand",
        how="equations 9 to 12",
        note="deviations with ddof 1; an invalid turn pays in the episode's term alone; the end of a solved "
        "trajectory is a goal of its own, whatever text it shows",
    ),
)
def graphhca(
    table: TurnTable,
    *,
    gamma: float = 0.95,
    floor: float = 0.01,
    step_weight: float = 1.0,
    mode: Mode = "mean_std",
    statistics: Statistics = "trajectories",
    epsilon: float = 1e-6,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn A_episode + step_weight * z, z of log Phi(next) - log Phi(state) in the state.

    GraphHCA, arXiv 2609.35084. Phi(s) is the discounted chance to succeed from s under what the
    prompt group tried, solved exactly: 1 beyond a solved trajectory, 0 beyond another. Where steps
    are certain Phi(next) / Phi(state) is how much likelier an action is in hindsight of success.

    Args:
        table: the batch; needs column state_key. Solved is column success, or
            without it an episode return above 0.
        gamma: discount from turn to turn.
        floor: the least Phi, above 0.
        step_weight: the weight of the step's term.
        mode: "mean_std" or "mean", at both levels (ddof 1).
        statistics: of A_episode, over "trajectories" or "turns".
        epsilon: added to deviations.
        invalid_penalty: subtracted from the episode's score of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts node_value, next_value, step_score (the difference of logarithms),
        episode_advantage, step_advantage, step_group; figures compared, the share of turns that the step's
        term tells from others of the state, and floored, of those in states that never succeed.
    """
    node_N = table.anchors("graphhca")
    value_N = success_values(table, node_N, gamma, "graphhca")[node_N]
    next_N = next_values(table, value_N, np.where(table.solved("graphhca"), 1.0, 0.0))
    gained_N = np.log(np.maximum(next_N, floor)) - np.log(np.maximum(value_N, floor))
    step_N = step_advantage(gained_N, node_N, mode, epsilon)
    score_N = table.episode_return - penalties(table, invalid_penalty, penalised)
    episode_N = episode_advantage(table, score_N, mode, statistics, epsilon)
    return Credit(
        episode_N + step_weight * step_N,
        parts={
            "node_value": value_N,
            "next_value": next_N,
            "step_score": gained_N,
            "episode_advantage": episode_N,
            "step_advantage": step_N,
            "step_group": node_N,
        },
        figures={"compared": average(step_N != 0.0), "floored": average(value_N < floor)},
    )
