"""VETTA: the turn says how much credit a message gets, its tokens how it is spread inside.

Shapes: _N rows (turns), _L tokens of all turns in order.
"""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, Head, register
from ...statistics.groups import average
from ...statistics.scores import Penalised, penalties
from ...table.columns import BoolArray, FloatArray
from ...table.scan import recurrence
from ...table.table import TurnTable
from ...table.tokens import Tokens


@register(
    "vetta",
    heads=(Head("value", "prompt", "turn"), Head("token_values", "tokens", "token")),
    source=Source(
        "VETTA, coordinating turn- and token-level credit assignment",
        "arXiv 2610.08402",
        "by hand",
        how="equations 3 to 7",
        note="the authors' code was not to be had. Both heads read the policy's own last states, which are "
        "constants to them; the paper trains a critic of its own, the first two blocks of the model, and"
        " clips its values",
    ),
)
def vetta(
    table: TurnTable,
    *,
    gamma: float = 0.95,
    lam: float = 0.95,
    token_gamma: float = 1.0,
    token_lam: float = 1.0,
    alpha: float = 1.0,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every token its turn's GAE, and alpha times its own GAE less the mean of it in the turn.

    VETTA, arXiv 2610.08402. Two value heads, one of turns and one of tokens, each with a GAE of its own over
    the same rewards, which the last token of a turn earns; the tokens' runs on from turn to turn.
    The mean over a turn's tokens is the turn's advantage.

    Args:
        table: the batch; needs columns value, num_tokens and token_values, the critic's values
            before each turn and before each token.
        gamma: discount from turn to turn.
        lam: trace decay from turn to turn.
        token_gamma: discount from token to token.
        token_lam: trace decay from token to token.
        alpha: the weight of what tokens differ by; 1 in the authors' ALFWorld runs, 3 in WebShop.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N], that of the turn; tokens; targets turn [N] and token, one array a turn; figure
        inside, the root mean square of what tokens differ from their turn by.

    Raises:
        TableError: naming a turn without tokens or with another number of values.
    """
    tokens = Tokens.of(table, "vetta")
    value_N, value_L = table.numbers("value", "vetta"), tokens.flat(table, "token_values", "vetta")
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    turn_N = _gae(reward_N, value_N, table.is_last, gamma, lam)
    ends_L = tokens.last_L & table.is_last[tokens.row_L]
    reward_L = np.where(tokens.last_L, reward_N[tokens.row_L], 0.0)
    token_L = _gae(reward_L, value_L, ends_L, token_gamma, token_lam)
    away_L = token_L - tokens.mean(token_L)[tokens.row_L]
    return Credit(
        turn_N,
        parts={"token_advantage": tokens.mean(token_L)},
        tokens=tokens.split(turn_N[tokens.row_L] + alpha * away_L),
        targets={"turn": turn_N + value_N, "token": tokens.split(token_L + value_L)},
        figures={"inside": average((alpha * away_L) ** 2) ** 0.5},
    )


def _gae(reward_K: FloatArray, value_K: FloatArray, end_K: BoolArray, gamma: float, lam: float) -> FloatArray:
    """Return generalised advantage estimates; beyond an end there is nothing [K]."""
    next_K = np.where(end_K, 0.0, np.append(value_K[1:], 0.0)[: value_K.size])
    return recurrence(reward_K + gamma * next_K - value_K, np.where(end_K, 0.0, gamma * lam))
