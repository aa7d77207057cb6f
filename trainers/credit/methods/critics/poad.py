"""POAD: credit to each token of an action, without discount inside it.

Shapes: _L tokens of all turns in order.
"""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, Head, register
from ...statistics.scores import Penalised, penalties
from ...table.columns import FloatArray
from ...table.scan import recurrence
from ...table.table import TurnTable
from ...table.tokens import Tokens


@register(
    "poad",
    heads=(Head("token_values", "tokens", "value"),),
    source=Source(
        paper="Policy optimization with action decomposition",
        ref="arXiv 2405.15821",
        how="the trace crosses from action to action, and with one token a turn it is GAE over turns",
    ),
)
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
    decomposition, arXiv 2405.15821, as in the published code. Inside an action
    delta = V_(i+1) - V_i and the trace decays by lam; its last token has
    delta = r + gamma V(first token of the next action) - V, and the trace goes on
    to the next action with gamma lam. With one token a turn this is GAE over turns.

    Args:
        table: the batch; needs columns num_tokens and token_values, the critic's
            value before each token, one array a turn.
        gamma: discount from action to action.
        lam: trace decay, inside an action and from action to action.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N], the mean over each turn's tokens; tokens; targets value,
        one array a turn.

    Raises:
        TableError: naming a turn without tokens or with another number of values.
    """
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    return decomposed(table, "poad", reward_N, gamma, lam, gamma * lam)


def decomposed(
    table: TurnTable, method: str, reward_N: FloatArray, gamma: float, inside: float, across: float
) -> Credit:
    """Return the token advantages of actions that are rewarded at their last token.

    Args:
        table: the batch.
        method: who asks, for messages.
        reward_N: of each turn.
        gamma: discount from action to action.
        inside: trace decay from token to token of an action.
        across: trace decay from the last token of an action to the next action.
    """
    tokens = Tokens.of(table, method)
    value_L = tokens.flat(table, "token_values", method)
    last_L, ended_L = tokens.last_L, table.is_last[tokens.row_L]
    following_L = np.append(value_L[1:], 0.0)[: value_L.size]
    next_L = np.where(last_L, np.where(ended_L, 0.0, gamma * following_L), following_L)
    delta_L = np.where(last_L, reward_N[tokens.row_L], 0.0) + next_L - value_L
    decay_L = np.where(last_L, np.where(ended_L, 0.0, across), inside)
    advantage_L = recurrence(delta_L, decay_L)
    return Credit(
        tokens.mean(advantage_L),
        tokens=tokens.split(advantage_L),
        targets={"value": tokens.split(advantage_L + value_L)},
    )
