"""One-step temporal differences: a turn is worth its reward and what the next state promises."""

from __future__ import annotations

from ....parts import Source
from ...base import Credit, Head, register
from ...statistics.scores import Penalised, penalties
from ...table.table import TurnTable
from .poad import decomposed


@register(
    "td0",
    heads=(Head("token_values", "tokens", "value"),),
    source=Source(
        paper="Temporal differences, with actions as steps",
        ref="Sutton 1988",
        note="`poad` without the trace from action to action",
    ),
)
def td0(
    table: TurnTable,
    *,
    gamma: float = 0.99,
    lam: float = 0.95,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every token its share of r + gamma V(next action) - V, and look no further.

    TD(0) of Sutton 1988 from action to action: `poad` without the trace that
    crosses from an action to the next. Inside an action delta = V_(i+1) - V_i and
    the trace decays by lam. With one token a turn it is the one-step difference.

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
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    return decomposed(table, "td0", reward_N, gamma, lam, 0.0)
