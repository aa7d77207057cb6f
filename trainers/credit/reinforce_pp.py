"""REINFORCE++: returns of tokens, whitened over all tokens of the batch.

Shapes: _N rows (turns), _L tokens of all turns in order.
"""

from __future__ import annotations

import numpy as np

from ...errors import TableError
from .base import Credit, register
from .columns import FloatArray, IntArray
from .groups import centre, moments
from .naming import check_choice
from .scan import recurrence
from .scores import Penalised, Statistics, penalties, statistics_of
from .table import TurnTable

__all__ = ["reinforce_pp", "reinforce_pp_baseline"]


@register("reinforce_pp")
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

    Hu, REINFORCE++, arXiv 2501.03262, sections 3.1 and 3.4, without the KL
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
        return Credit(_whiten(last_N, length_N, epsilon), parts={"last_return": last_N})
    row_L = np.repeat(np.arange(len(table)), length_N)
    from_end_L = np.cumsum(length_N)[row_L] - 1 - np.arange(row_L.size)
    token_L = _whiten(last_N[row_L] * gamma**from_end_L, np.ones_like(row_L), epsilon)
    mean_N = np.bincount(row_L, token_L, minlength=len(table)) / np.maximum(length_N, 1)
    tokens = np.split(token_L, np.cumsum(length_N)[:-1]) if len(table) else []
    return Credit(mean_N, parts={"last_return": last_N}, tokens=tokens)


@register("reinforce_pp_baseline")
def reinforce_pp_baseline(
    table: TurnTable,
    *,
    statistics: Statistics = "trajectories",
    epsilon: float = 1e-8,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn R - mean of its group, whitened over the tokens of the batch.

    Hu, REINFORCE++, arXiv 2501.03262, section 3.5 (the variant with a group baseline).

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
        _whiten(centred_N, length_N, epsilon), parts={"episode_score": score_N, "centred": centred_N}
    )


def _token_counts(table: TurnTable, method: str) -> IntArray:
    length_N: IntArray = table.column("num_tokens", method)
    if len(table) and not length_N.any():
        raise TableError(f"{method} whitens over tokens, but num_tokens is 0 for every turn")
    return length_N


def _whiten(values_K: FloatArray, weight_K: IntArray, epsilon: float) -> FloatArray:
    """Return (value - mean) / sqrt(variance + epsilon); each value stands for `weight` tokens."""
    some_K = weight_K > 0
    one_K = np.zeros(int(some_K.sum()), dtype=np.int64)
    alive = moments(values_K[some_K], one_K, 1).alive[0]
    total = weight_K.sum()
    if not alive or total < 2:
        return np.zeros_like(values_K)
    mean = (weight_K * values_K).sum() / total
    variance = (weight_K * (values_K - mean) ** 2).sum() / (total - 1)
    white_K: FloatArray = (values_K - mean) / np.sqrt(variance + epsilon)
    return white_K
