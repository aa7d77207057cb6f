"""RLOO: the episode's return less the mean of the others'."""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, register
from ...statistics.groups import centre
from ...statistics.scores import Penalised, Statistics, penalties, statistics_of
from ...table.columns import FloatArray
from ...table.table import TurnTable


@register(
    "rloo",
    source=Source(
        paper="Back to basics",
        ref="arXiv 2402.14740",
        exact="golden",
        how="over turns; by hand over trajectories. Over turns it is not the unbiased estimator",
    ),
)
def rloo(
    table: TurnTable,
    *,
    statistics: Statistics = "trajectories",
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn n / (n - 1) * (R - mean): the return less the mean of the others.

    Ahmadian et al., Back to basics, arXiv 2402.14740. Over
    "trajectories" the baseline is independent of the episode it is subtracted
    from, so the policy gradient is unbiased. Over "turns" n counts turns, the
    other turns of the same episode are part of the baseline, and it is biased:
    what step-wise trainers ship, kept for comparison.

    Args:
        table: the batch; needs no column beyond the required.
        statistics: over "trajectories" (the definition) or over "turns".
        invalid_penalty: subtracted from the score of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts episode_score [N]. A group of one trajectory gives
        0; under "turns" a group of one single turn keeps its score.
    """
    score_N = table.episode_return - penalties(table, invalid_penalty, penalised)
    return Credit(leave_one_out(table, score_N, statistics), parts={"episode_score": score_N})


def leave_one_out(table: TurnTable, score_N: FloatArray, statistics: Statistics) -> FloatArray:
    """Return each score less the mean of the others in its prompt group [N].

    A group of one trajectory gives 0; under "turns" a group of one single turn
    keeps its score.
    """
    of = statistics_of(table, score_N, statistics)
    count_N = of.count[table.group]
    advantage_N = centre(score_N, table.group, of) * (count_N / np.maximum(count_N - 1, 1))
    if statistics == "turns":
        advantage_N[count_N == 1] = score_N[count_N == 1]
    return advantage_N
