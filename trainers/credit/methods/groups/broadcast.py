"""Broadcast: the outcome of the episode to all of its turns, as in Flow-GRPO."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.scores import Mode, Statistics, episode_advantage
from ...table.columns import FloatArray
from ...table.rows import SUCCESS_IS_TOLD
from ...table.table import TurnTable


@register(
    "broadcast",
    source=Source(
        paper="Flow-GRPO of AgentFlow",
        ref="arXiv 2510.05592",
        how="over trajectories as the paper writes and over turns as released",
        note="the outcome is the last reward, unless told otherwise; one policy instead of a planner "
        "among modules",
    ),
)
def broadcast(
    table: TurnTable,
    *,
    outcome: Literal["return", "last", "success"] = "last",
    mode: Mode = "mean_std",
    statistics: Statistics = "trajectories",
    epsilon: float = 1e-6,
) -> Credit:
    """Give every turn the episode's outcome, normalised in its group.

    Flow-GRPO of AgentFlow, arXiv 2510.05592: one verified outcome
    is the reward of every turn; unlike `grpo` the outcome is not the sum of
    rewards but what the episode came to.

    Args:
        table: the batch; needs column success under outcome "success".
        outcome: the reward of the "last" turn, the episode's "return", or "success" as 1 and 0.
        mode: "mean_std" or "mean" (ddof 1).
        statistics: over "trajectories", as the paper writes, or over "turns", as its
            published code does, where long episodes weigh more.
        epsilon: added to the deviation.

    Returns:
        advantage [N]; parts outcome [N].
    """
    check_choice("outcome", outcome, ("return", "last", "success"))
    if outcome == "success":
        told = "success" in table.columns or SUCCESS_IS_TOLD in table.columns
        solved_N = table.solved("broadcast") if told else table.column("success", "broadcast")
        outcome_N: FloatArray = solved_N.astype(np.float64)
    elif outcome == "last":
        outcome_N = table.reward[table.is_last][table.trajectory]
    else:
        outcome_N = table.episode_return
    return Credit(
        episode_advantage(table, outcome_N, mode, statistics, epsilon), parts={"outcome": outcome_N}
    )
