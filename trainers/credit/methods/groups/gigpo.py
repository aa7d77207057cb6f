"""GiGPO: episodes compared in their group, turns compared in the states that they share."""

from __future__ import annotations

from ....parts import Source
from ...base import Credit, register
from ...states.anchors import anchor_groups, step_advantage
from ...statistics.scores import Mode, Penalised, Statistics, episode_advantage, penalties
from ...table.table import TurnTable


@register(
    "gigpo",
    source=Source(
        paper="Group-in-group policy optimization",
        ref="arXiv 2505.10978",
        exact="golden",
        how="in all modes, with penalties and similarity; near the shipped float32 where that is not noise",
        note="two causes of invalid actions, which can be charged apart",
    ),
)
def gigpo(
    table: TurnTable,
    *,
    mode: Mode = "mean_std",
    gamma: float = 0.95,
    step_weight: float = 1.0,
    epsilon: float = 1e-6,
    statistics: Statistics = "turns",
    similarity: float | None = None,
    autojunk: bool = True,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn A_episode + step_weight * A_step.

    Feng et al., Group-in-group policy optimization, arXiv 2505.10978,
    equations 3 to 8, with the settings of the published code as defaults. A_step compares
    the discounted returns-to-go of the turns that were taken in the same state
    of the same prompt group; a turn alone in its state gets 0 there.

    Args:
        table: the batch; needs column state_key.
        mode: "mean_std", (x - mean) / (std + epsilon), or "mean", at both levels.
        gamma: discount of the return-to-go.
        step_weight: the weight of A_step.
        epsilon: added to deviations (sample deviations, ddof 1).
        statistics: of A_episode: over "turns" (as published code ships), or over
            "trajectories" (the paper's equation 3).
        similarity: None: states are equal when their keys are; or the least
            difflib ratio at which a state joins a group (0.9 in the authors' search runs).
        autojunk: difflib's heuristic for texts of 200 characters and more; on in the published code.
        invalid_penalty: subtracted from both scores of an invalid turn, and from no earlier turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts step_return, step_score, episode_score,
        episode_advantage, step_advantage, step_group (codes by first appearance).
    """
    penalty_N = penalties(table, invalid_penalty, penalised)
    return_N = table.returns(gamma)
    step_score_N = return_N - penalty_N
    episode_score_N = table.episode_return - penalty_N
    group_N = anchor_groups(table, similarity, autojunk, "gigpo")
    episode_N = episode_advantage(table, episode_score_N, mode, statistics, epsilon)
    step_N = step_advantage(step_score_N, group_N, mode, epsilon)
    return Credit(
        episode_N + step_weight * step_N,
        parts={
            "step_return": return_N,
            "step_score": step_score_N,
            "episode_score": episode_score_N,
            "episode_advantage": episode_N,
            "step_advantage": step_N,
            "step_group": group_N,
        },
    )
