"""GraphGPO: turns that come nearer to the goal, on the graph of all that was tried."""

from __future__ import annotations

from ....parts import Source
from ...base import Credit, register
from ...states.anchors import anchor_groups, step_advantage
from ...states.graph import StateGraph
from ...statistics.scores import Mode, Penalised, Statistics, episode_advantage, penalties
from ...table.table import TurnTable


@register(
    "graphgpo",
    source=Source(
        paper="Beyond trajectory-level attribution",
        ref="arXiv 2605.26684",
        exact="golden",
        note="penalties treated as in GiGPO",
    ),
)
def graphgpo(
    table: TurnTable,
    *,
    mode: Mode = "mean_std",
    gamma: float = 0.1,
    normalize_distance: bool = False,
    step_weight: float = 1.0,
    episode_weight: float = 1.0,
    epsilon: float = 1e-6,
    statistics: Statistics = "turns",
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn episode_weight * A_episode + step_weight * A_graph.

    Beyond trajectory-level attribution, arXiv 2605.26684, as in the published
    code. The
    states of a prompt group form a graph; d(s) is the shortest distance to the
    goal in which its solved trajectories end. A turn's return is
    10 gamma^d(next), or 10 gamma^(d(next) - d(state) + 1) with normalised
    distance, compared among turns in equal states as in GiGPO.

    Args:
        table: the batch; needs columns state_key and next_state_key. Solved is
            column success, or without it an episode return above 0.
        mode: "mean_std" or "mean", at both levels (ddof 1).
        gamma: 0.1 in the authors' ALFWorld runs, 0.2 in WebShop.
        normalize_distance: whether the distance gained counts, not the one left.
        step_weight: the weight of A_graph.
        episode_weight: the weight of A_episode.
        epsilon: added to deviations.
        statistics: of A_episode, over "turns" (as shipped) or "trajectories".
        invalid_penalty: subtracted from both scores of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts distance, next_distance, step_return, step_score,
        episode_score, episode_advantage, step_advantage, step_group.
    """
    graph = StateGraph.of(table, "graphgpo")
    distance_V = graph.distances()
    here_N, next_N = distance_V[graph.start_N], distance_V[graph.end_N]
    return_N = 10.0 * gamma ** (next_N - here_N + 1.0 if normalize_distance else next_N)
    penalty_N = penalties(table, invalid_penalty, penalised)
    group_N = anchor_groups(table, None, True, "graphgpo")
    step_N = step_advantage(return_N - penalty_N, group_N, mode, epsilon)
    episode_score_N = table.episode_return - penalty_N
    episode_N = episode_advantage(table, episode_score_N, mode, statistics, epsilon)
    return Credit(
        step_weight * step_N + episode_weight * episode_N,
        parts={
            "distance": here_N,
            "next_distance": next_N,
            "step_return": return_N,
            "step_score": return_N - penalty_N,
            "episode_score": episode_score_N,
            "episode_advantage": episode_N,
            "step_advantage": step_N,
            "step_group": group_N,
        },
    )
