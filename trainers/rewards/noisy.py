"""Verdicts of a verifier that is sometimes wrong, corrected by its rates of error."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...errors import UsageError
from ..credit.table.columns import FloatArray, sums
from ..credit.table.table import TurnTable
from ..parts import Source, check_choice
from .base import register


@register(
    "noisy",
    source=Source(
        "Reinforcement learning with verifiable yet noisy rewards under imperfect verifiers",
        "arXiv 2510.00915",
        exact="our reading",
        how="backward as summaries print it, forward from what it is said to do: its mean over all verdicts "
        "that a verifier could give is the true gradient's, scaled",
        note="rates are given, not estimated while training",
    ),
)
def noisy(
    table: TurnTable,
    *,
    false_negative: float,
    false_positive: float = 0.0,
    form: Literal["backward", "forward"] = "backward",
    right: float = 1.0,
) -> TurnTable:
    """Replace the verdict v of each trajectory, 0 or 1, by one that is right in the mean.

    Cai et al., arXiv 2510.00915. "backward": (v - fp) / (1 - fp - fn), whose mean over the verifier's
    errors is the truth. "forward": v - (1 - fn), whose mean is 0 for a right answer and -(1 - fp - fn) for
    a wrong one; it needs no fp and varies less. The verdict is the last turn's reward.

    Both are straight lines of v: a method that divides by its group's deviation gives the same with
    and without, one that is linear in the reward (dr_grpo, rloo, a critic) gets the true size.

    Args:
        table: the batch; last rewards are 0 or `right`.
        false_negative: how often a right answer is refused.
        false_positive: how often a wrong one is accepted.
        form: see above.
        right: the reward of an accepted answer; the result is in its units.

    Raises:
        UsageError: if a rate is not from 0 to below 1, both together reach 1, or a verdict is another number.
    """
    check_choice("form", form, ("backward", "forward"))
    kept = 1.0 - false_positive - false_negative
    if not (0 <= false_positive < 1 and 0 <= false_negative < 1 and kept > 0 and right > 0):
        raise UsageError(
            f"noisy: false_positive={false_positive!r}, false_negative={false_negative!r}, right={right!r}; "
            "expected rates of at least 0 that are below 1 together, and a reward above 0"
        )
    last_N = table.is_last
    verdict_N = table.reward / right
    _check_verdicts(table, verdict_N, right)
    backward_N, forward_N = (verdict_N - false_positive) / kept, verdict_N - (1.0 - false_negative)
    told_N = backward_N if form == "backward" else forward_N
    change_N = np.where(last_N, right * told_N - table.reward, 0.0)
    whole_M = sums(change_N, table.trajectory, table.num_trajectories)
    return table.with_rewards(table.reward + change_N, table.episode_return + whole_M[table.trajectory])


def _check_verdicts(table: TurnTable, verdict_N: FloatArray, right: float) -> None:
    wrong = np.flatnonzero(table.is_last & table.counts & (verdict_N != 0.0) & (verdict_N != 1.0))
    if wrong.size:
        row = int(wrong[0])
        raise UsageError(
            f"noisy: the reward of {table.where(row)} is {table.reward[row]:g}; expected a verdict, 0 or "
            f"{right:g}: set right to the reward of an accepted answer"
        )
