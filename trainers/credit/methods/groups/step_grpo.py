"""Step-GRPO: the rewards of turns, compared at the same place of their trajectories."""

from __future__ import annotations

from ....parts import Source, check_choice
from ...base import Credit, register
from ...states.anchors import step_advantage
from ...statistics.scores import Mode
from ...table.columns import combine
from ...table.table import TurnTable


@register(
    "step_grpo",
    source=Source(
        "R1-Router: learning to route queries across knowledge bases for step-wise retrieval",
        "arXiv 2505.22095",
        exact="by hand",
        how="GRPO over the rewards of one step",
        note="in the release a step of a stored trajectory is a prompt with a group of its own answers; "
        "here the group plays on, and the turns of a group with the same number are compared",
    ),
)
def step_grpo(
    table: TurnTable, *, column: str = "reward", mode: Mode = "mean_std", epsilon: float = 1e-6
) -> Credit:
    """Give every turn its own reward, normalised among its group's turns of the same number.

    Step-GRPO of R1-Router, arXiv 2505.22095: what a step earned is held against what the others
    of the group earned at that step, not against their outcomes (sample deviation, ddof 1). It is for
    environments that reward steps; a turn that no other trajectory came to gives 0.

    Args:
        table: the batch; needs the column.
        column: "reward", or a tier of rewards.
        mode: "mean_std" or "mean".
        epsilon: added to the deviation.

    Returns:
        advantage [N]; parts step_score, step_group [N].
    """
    check_choice("mode", mode, ("mean_std", "mean"))
    score_N = table.reward if column == "reward" else table.numbers(column, "step_grpo")
    place_N = combine(table.group, table.turn)
    return Credit(
        step_advantage(score_N, place_N, mode, epsilon), parts={"step_score": score_N, "step_group": place_N}
    )
