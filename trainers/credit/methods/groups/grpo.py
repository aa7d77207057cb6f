"""GRPO: the episode's return, normalised in its group, to every turn."""

from __future__ import annotations

from ....parts import Source
from ...base import Credit, register
from ...statistics.scores import Penalised, Statistics, episode_advantage, penalties
from ...table.table import TurnTable


@register(
    "grpo",
    source=Source(
        paper="DeepSeekMath",
        ref="arXiv 2402.03300",
        exact="golden",
        how="over turns as shipped; by hand over trajectories, the definition and our default",
        note="a group of one trajectory gives 0. In the recipes, and in all that extend them, a message "
        "without an action lowers the score of its own turn (`invalid_penalty`), as in the authors' "
        "runs; where a source has the fine inside the reward (`turn_ppo`, `archer`, `starpo_s`) it "
        "stays there",
    ),
)
def grpo(
    table: TurnTable,
    *,
    statistics: Statistics = "trajectories",
    epsilon: float = 1e-6,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn (R - mean) / (std + epsilon) of its group's episode returns.

    Shao et al., DeepSeekMath, arXiv 2402.03300, section 4.1.2; sample deviation
    (ddof 1), as in the published trainers.

    Args:
        table: the batch; needs no column beyond the required.
        statistics: over "trajectories" (the definition), or over "turns", where
            long episodes weigh more (what step-wise trainers ship).
        epsilon: added to the deviation.
        invalid_penalty: subtracted from the score of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts episode_score [N].
    """
    score_N = table.episode_return - penalties(table, invalid_penalty, penalised)
    advantage_N = episode_advantage(table, score_N, "mean_std", statistics, epsilon)
    return Credit(advantage_N, parts={"episode_score": score_N})
