"""POAD: credit to each token of an action, without discount inside it.

Shapes: _L tokens of all turns in order.
"""

from __future__ import annotations

import numpy as np

from ..base import Credit, Head, register
from ..statistics.scores import Penalised, penalties
from ..table.scan import recurrence
from ..table.table import TurnTable
from ..table.tokens import Tokens


@register("poad", heads=(Head("token_values", "tokens", "value"),))
def poad(
    table: TurnTable,
    *,
    gamma: float = 0.99,
    lam: float = 0.95,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every token its advantage under the Bellman backup with action decomposition.

    Wen et al., Reinforcing LLM agents via policy optimization with action
    decomposition, arXiv 2405.15821. Inside an action
    delta = V_(i+1) - V_i and the trace decays by lam; its last token has
    delta = r + gamma V(first token of the next action) - V, and no trace goes
    from action to action.

    Args:
        table: the batch; needs columns num_tokens and token_values, the critic's
            value before each token, one array a turn.
        gamma: discount from action to action.
        lam: trace decay inside an action.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N], the mean over each turn's tokens; tokens; targets value,
        one array a turn.

    Raises:
        TableError: naming a turn without tokens or with another number of values.
    """
    tokens = Tokens.of(table, "poad")
    value_L = tokens.flat(table, "token_values", "poad")
    last_L = tokens.last_L
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    following_L = np.append(value_L[1:], 0.0)[: value_L.size]
    ended_L = table.is_last[tokens.row_L]
    next_L = np.where(last_L, np.where(ended_L, 0.0, gamma * following_L), following_L)
    delta_L = np.where(last_L, reward_N[tokens.row_L], 0.0) + next_L - value_L
    advantage_L = recurrence(delta_L, np.where(last_L, 0.0, lam))
    return Credit(
        tokens.mean(advantage_L),
        tokens=tokens.split(advantage_L),
        targets={"value": tokens.split(advantage_L + value_L)},
    )
