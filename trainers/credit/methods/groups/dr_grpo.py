"""Dr. GRPO: GRPO without the division by the group's deviation."""

from __future__ import annotations

from ....parts import Source
from ...base import Credit, register
from ...statistics.scores import Penalised, Statistics, episode_advantage, penalties
from ...table.table import TurnTable


@register(
    "dr_grpo",
    source=Source(
        paper="Understanding R1-Zero-like training",
        ref="arXiv 2503.20783",
        exact="golden",
        how="over turns; by hand over trajectories",
    ),
)
def dr_grpo(
    table: TurnTable,
    *,
    statistics: Statistics = "trajectories",
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn R - mean of its group's episode returns.

    Liu et al., Understanding R1-Zero-like training, arXiv 2503.20783. The constant
    length of its loss belongs to the loss.

    Args:
        table: the batch; needs no column beyond the required.
        statistics: over "trajectories" (the definition) or over "turns".
        invalid_penalty: subtracted from the score of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts episode_score [N].
    """
    score_N = table.episode_return - penalties(table, invalid_penalty, penalised)
    advantage_N = episode_advantage(table, score_N, "mean", statistics, epsilon=0.0)
    return Credit(advantage_N, parts={"episode_score": score_N})
