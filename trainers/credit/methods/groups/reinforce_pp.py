"""REINFORCE++: returns of tokens, whitened over all tokens of the batch.

Shapes: _N rows (turns), _L tokens of all turns in order.
"""

from __future__ import annotations

import numpy as np

from .....errors import TableError
from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import centre
from ...statistics.scores import Penalised, Statistics, penalties, statistics_of
from ...statistics.whiten import whitened
from ...table.columns import IntArray, sums
from ...table.scan import recurrence
from ...table.table import TurnTable
from ...table.tokens import split


@register(
    "reinforce_pp",
    source=Source(
        paper="REINFORCE++",
        ref="arXiv 2501.03262",
        note="the KL inside the reward is left to the loss",
    ),
)
def reinforce_pp(
    table: TurnTable,
    *,
    gamma: float = 1.0,
    statistics: Statistics = "trajectories",
    epsilon: float = 1e-8,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every token its discounted return-to-go, whitened over the tokens of the batch.

    Hu, REINFORCE++, arXiv 2501.03262, without the KL
    inside the reward, which belongs to the loss here.

    Args:
        table: the batch; needs column num_tokens.
        gamma: discount from token to token.
        statistics: "trajectories": a turn's reward stands at its last token and
            flows back through the whole trajectory (the definition); "turns":
            each turn is a sample of its own with the episode's return at its
            last token (what step-wise trainers ship).
        epsilon: added to the variance (sample variance over tokens, ddof 1).
        invalid_penalty: subtracted at the last token of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N], the mean over each turn's tokens; parts last_return, the
        value at the last token before whitening; tokens, where gamma is not 1.

    Raises:
        TableError: if num_tokens is missing or there is no token at all.
    """
    check_choice("statistics", statistics, ("trajectories", "turns"))
    length_N = _token_counts(table, "reinforce_pp")
    penalty_N = penalties(table, invalid_penalty, penalised)
    if statistics == "turns":
        last_N = table.episode_return - penalty_N
    else:
        step_N = np.append(length_N[1:], 0)  # tokens between the end of this turn and the end of the next
        last_N = recurrence(table.reward, np.where(table.is_last, 0.0, gamma**step_N)) - penalty_N
    if gamma == 1.0:
        return Credit(whitened(last_N, length_N, epsilon), parts={"last_return": last_N})
    row_L = np.repeat(np.arange(len(table)), length_N)
    from_end_L = np.cumsum(length_N)[row_L] - 1 - np.arange(row_L.size)
    token_L = whitened(last_N[row_L] * gamma**from_end_L, np.ones_like(row_L), epsilon)
    mean_N = sums(token_L, row_L, len(table)) / np.maximum(length_N, 1)
    return Credit(mean_N, parts={"last_return": last_N}, tokens=split(token_L, length_N))


@register(
    "reinforce_pp_baseline",
    source=Source(
        paper="REINFORCE++, with a group baseline",
        ref="arXiv 2501.03262",
        exact="golden",
        how="over turns; by hand over trajectories",
        note="the KL inside the reward is left to the loss",
    ),
)
def reinforce_pp_baseline(
    table: TurnTable,
    *,
    statistics: Statistics = "trajectories",
    epsilon: float = 1e-8,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn R - mean of its group, whitened over the tokens of the batch.

    Hu, REINFORCE++, arXiv 2501.03262 (the variant with a group baseline).

    Args:
        table: the batch; needs column num_tokens.
        statistics: of the baseline: over "trajectories" (the definition) or over
            "turns", where a group of one single turn keeps its score.
        epsilon: added to the variance (sample variance over tokens, ddof 1).
        invalid_penalty: subtracted from the score of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts episode_score, centred [N].

    Raises:
        TableError: if num_tokens is missing or there is no token at all.
    """
    length_N = _token_counts(table, "reinforce_pp_baseline")
    score_N = table.episode_return - penalties(table, invalid_penalty, penalised)
    of = statistics_of(table, score_N, statistics)
    centred_N = centre(score_N, table.group, of)
    if statistics == "turns":
        lone_N = (of.count == 1)[table.group]
        centred_N[lone_N] = score_N[lone_N]
    return Credit(
        whitened(centred_N, length_N, epsilon), parts={"episode_score": score_N, "centred": centred_N}
    )


def _token_counts(table: TurnTable, method: str) -> IntArray:
    length_N: IntArray = table.column("num_tokens", method)
    if len(table) and not length_N.any():
        raise TableError(f"{method} whitens over tokens, but num_tokens is 0 for every turn")
    return length_N
