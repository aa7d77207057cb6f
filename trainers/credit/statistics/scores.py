"""Scores of episodes and turns before they are compared: returns less penalties for invalid actions.

The penalty counts for the invalid turn alone and never for earlier ones, as in
the published code of GiGPO (arXiv 2505.10978).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...parts import check_choice
from ..table.columns import BoolArray, FloatArray
from ..table.table import TurnTable
from .groups import Moments, moments, standardise

Mode = Literal["mean_std", "mean"]
Statistics = Literal["trajectories", "turns"]
Penalised = Literal["invalid", "malformed", "inadmissible"]


def penalties(table: TurnTable, invalid_penalty: float, penalised: Penalised = "invalid") -> FloatArray:
    """Return what each turn pays for its action [N].

    Args:
        table: the batch.
        invalid_penalty: what an invalid action costs; 0 for none.
        penalised: which turns pay: "invalid" (not `valid`), or one cause alone:
            "malformed" (the action could not be read), "inadmissible" (the
            environment refused it).
    """
    check_choice("penalised", penalised, ("invalid", "malformed", "inadmissible"))
    if invalid_penalty == 0.0:
        return np.zeros(len(table))
    pays_N: BoolArray = ~table.valid if penalised == "invalid" else table.column(penalised, "penalised")
    return np.where(pays_N, invalid_penalty, 0.0)


def statistics_of(table: TurnTable, score_N: FloatArray, statistics: Statistics) -> Moments:
    """Return moments of a score over each prompt group.

    Over "trajectories" the first turn's score stands for the trajectory, and a
    group of one trajectory has no spread; over "turns" every turn weighs in.
    """
    check_choice("statistics", statistics, ("trajectories", "turns"))
    if statistics == "turns":
        return moments(score_N, table.group, table.num_groups)
    rows_M = table.first_rows
    return moments(score_N[rows_M], table.group[rows_M], table.num_groups)


def episode_advantage(
    table: TurnTable, score_N: FloatArray, mode: Mode, statistics: Statistics, epsilon: float
) -> FloatArray:
    """Return the score normalised inside its prompt group [N], sample deviation (ddof 1).

    Under statistics "turns" a group of one single turn keeps its score (mean 0,
    deviation 1), as the published code has it; under "trajectories" a group of
    one trajectory gives 0.
    """
    check_choice("mode", mode, ("mean_std", "mean"))
    of = statistics_of(table, score_N, statistics)
    advantage_N = standardise(score_N, table.group, of, mode, epsilon)
    if statistics == "turns":
        lone_N = (of.count == 1)[table.group]
        advantage_N[lone_N] = score_N[lone_N] / (1.0 + epsilon if mode == "mean_std" else 1.0)
    return advantage_N
