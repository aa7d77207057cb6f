"""M-GRPO: the main agent's episodes and the rollouts of its helpers, each compared with its own kind.

Shapes: _N rows (turns), _R rollouts: a main agent's turns of an episode, or one stretch of a helper's.
"""

from __future__ import annotations

import numpy as np

from .....errors import UsageError
from ....parts import Source
from ...base import Credit, register
from ...statistics.groups import average, centre, moments
from ...table.columns import FloatArray, IntArray, combine, sums
from ...table.table import TurnTable


@register(
    "m_grpo",
    tells_agents=True,
    source=Source(
        "Multi-agent deep research: training multi-agent systems with M-GRPO",
        "arXiv 2511.13288",
        exact="by hand",
        how="equations 9 to 13",
        note="helpers' rollouts are brought to one number an episode by weights, the mean of dropping and "
        "repeating at random; a helper's stretch of turns without another agent between is one rollout; what "
        "helpers earn (form, a judge, the outcome's part) is left to the environment and to `share`",
    ),
)
def m_grpo(
    table: TurnTable, *, main: str = "", rollouts: int = 0, share: float = 1.0, epsilon: float = 1e-6
) -> Credit:
    """Give every turn the z-score of its rollout among the rollouts of the same role in its group.

    M-GRPO, arXiv 2511.13288. A main agent plans and calls helpers, more often in some episodes
    than in others. A main agent's rollout is its episode, with the episode's return; each call of a helper
    is a rollout of its own, with the sum of the helper's rewards in it and a share of the episode's return.
    Deviations are those of all rollouts (ddof 0), each with its weight.

    Args:
        table: the batch; needs column agent.
        main: the name of the main agent; empty: the agent of each episode's first turn.
        rollouts: the number that the helper's rollouts of an episode stand for: with d of them each weighs
            rollouts / d, in statistics and in its advantage; 0: each weighs 1.
        share: of the episode's return, in a helper's score.
        epsilon: added to the deviation.

    Returns:
        advantage [N]; parts score, weight, rollout (codes) [N]; figures calls, of helpers in an episode, and
        main, the main agent's share of turns.

    Raises:
        UsageError: if rollouts is negative.
    """
    if rollouts < 0:
        raise UsageError(f"m_grpo: rollouts={rollouts!r}; expected 0 or more")
    agent_N = table.codes("agent", "m_grpo")
    first_N = np.flatnonzero(table.turn == 0)[table.trajectory]
    is_main_N = (table.columns["agent"] == main) if main else agent_N == agent_N[first_N]
    starts_N = np.append(True, agent_N[1:] != agent_N[:-1])[: len(table)]
    call_N = np.where(is_main_N, 0, np.cumsum(starts_N))
    rollout_N = combine(table.trajectory, call_N)
    first_R = np.unique(rollout_N, return_index=True)[1]
    role_R = combine(table.group, np.where(is_main_N, 0, agent_N + 1))[first_R]
    main_R, return_R = is_main_N[first_R], table.episode_return[first_R]
    own_R = sums(table.reward, rollout_N, first_R.size)
    score_R = np.where(main_R, return_R, own_R + share * return_R)
    seat_R = combine(table.trajectory, np.where(is_main_N, 0, agent_N + 1))[first_R]
    calls_R = np.bincount(seat_R)[seat_R]
    weight_R = np.where(main_R | (rollouts == 0), 1.0, rollouts / np.maximum(calls_R, 1))
    advantage_R = weight_R * _standardised(score_R, weight_R, role_R, epsilon)
    parts = {"score": score_R[rollout_N], "weight": weight_R[rollout_N], "rollout": rollout_N}
    calls = (first_R.size - main_R.sum()) / max(table.num_trajectories, 1)
    figures = {"calls": float(calls), "main": average(is_main_N)}
    return Credit(advantage_R[rollout_N], parts=parts, figures=figures)


def _standardised(score_R: FloatArray, weight_R: FloatArray, role_R: IntArray, epsilon: float) -> FloatArray:
    """Return (score - mean) / (deviation + epsilon) of each role, weighted [R]; 0 where nothing differs."""
    num_roles = int(role_R.max(initial=-1)) + 1
    of = moments(score_R, role_R, num_roles)
    away_R = centre(score_R, role_R, of)
    total_P = sums(weight_R, role_R, num_roles)
    away_R = away_R - (sums(weight_R * away_R, role_R, num_roles) / total_P)[role_R]
    square_P = sums(weight_R * away_R**2, role_R, num_roles)
    std_P = np.where(of.alive, np.sqrt(square_P / np.where(of.alive, total_P, 1.0)), 1.0)
    scaled_R: FloatArray = np.where(of.alive[role_R], away_R / (std_P[role_R] + epsilon), 0.0)
    return scaled_R
