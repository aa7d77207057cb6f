"""IGPO: a turn earns what it adds to the probability of the right answer.

Shapes: _N rows (turns), _L tokens of all turns in order.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import centre, moments, standardise
from ...table.columns import FloatArray, combine
from ...table.scan import discounted_sum
from ...table.table import TurnTable
from ...table.tokens import Tokens


@register(
    "igpo",
    source=Source(
        paper="Information gain-based policy optimization",
        ref="arXiv 2510.14967",
        note='"released" is the first published code (October 2025): places are counted over sampled '
        "tokens, and a trajectory that has ended counts as 0 in the mean at a place; an answer that "
        'cannot be read earns -2. "paper", and the code since February 2026: turn rewards scored '
        "together; here with population deviation",
    ),
)
def igpo(
    table: TurnTable,
    *,
    variant: Literal["released", "paper"] = "released",
    gamma: float = 1.0,
    epsilon: float = 1e-6,
    column: str = "gold_prob",
) -> Credit:
    """Give every turn credit for the information it gained about the gold answer.

    IGPO, information gain-based policy optimization, arXiv 2510.14967. With p_t the probability of the
    gold answer before turn t (exp of its tokens' mean log-probability), a turn
    earns p_(t+1) - p_t, the last one the reward of its answer (F1).

    Args:
        table: the batch; needs the column of probabilities, and num_tokens
            under "released".
        variant: "released": each token has the undiscounted reward-to-go, less
            the mean of its group's trajectories at the same place among their
            sampled tokens, 0 for those that have ended, not scaled, as in the
            first published code; "paper": turn rewards are z-scored over the prompt
            group, all turns together (ddof 0), then summed with discount, as in the
            paper and in the code since February 2026.
        gamma: discount from turn to turn under "paper".
        epsilon: added to the deviation under "paper".
        column: the name of the column of probabilities.

    Returns:
        advantage [N] (under "released" the mean over the turn's tokens); parts
        turn_reward; tokens under "released".

    Raises:
        TableError: if a column is missing, or under "released" a turn has no token.
    """
    check_choice("variant", variant, ("released", "paper"))
    prob_N = table.numbers(column, "igpo")
    gain_N = np.append(prob_N[1:], 0.0)[: len(table)] - prob_N
    reward_N = np.where(table.is_last, table.reward, gain_N)
    if variant == "paper":
        of = moments(reward_N, table.group, table.num_groups, ddof=0)
        score_N = standardise(reward_N, table.group, of, "mean_std", epsilon)
        return Credit(discounted_sum(score_N, table.is_last, gamma), parts={"turn_reward": reward_N})
    tokens = Tokens.of(table, "igpo")
    return_N = discounted_sum(reward_N, table.is_last, 1.0)
    advantage_L = _less_the_mean_at_each_place(table, tokens, return_N)
    return Credit(tokens.mean(advantage_L), parts={"turn_reward": reward_N}, tokens=tokens.split(advantage_L))


def _less_the_mean_at_each_place(table: TurnTable, tokens: Tokens, return_N: FloatArray) -> FloatArray:
    """Subtract the group's mean at each place, to which trajectories that have ended add 0 [L]."""
    first_token_N = np.cumsum(tokens.length_N) - tokens.length_N
    start_N = first_token_N[table.first_rows][table.trajectory]
    place_L = np.arange(tokens.row_L.size) - start_N[tokens.row_L]
    spot_L = combine(table.group[tokens.row_L], place_L)
    value_L = return_N[tokens.row_L]
    of = moments(value_L, spot_L, int(spot_L.max(initial=-1)) + 1)
    size_G = np.bincount(table.group[table.first_rows], minlength=table.num_groups)
    ended_L = 1.0 - of.count[spot_L] / size_G[table.group[tokens.row_L]]
    return centre(value_L, spot_L, of) + ended_L * of.mean[spot_L]
