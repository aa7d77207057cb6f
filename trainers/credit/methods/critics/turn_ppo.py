"""PPO with the turn as the unit: generalised advantage estimation over turns.

Shapes: _N rows (turns).
"""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, Head, register
from ...statistics.ends import done_rows
from ...statistics.scores import Penalised, penalties
from ...table.scan import recurrence
from ...table.table import TurnTable


@register(
    "turn_ppo",
    heads=(Head("value", "prompt", "value", beyond=True),),
    source=Source(
        paper="GAE, with turns as steps",
        ref="arXiv 1506.02438",
        note="the value head reads the policy's own states",
    ),
)
def turn_ppo(
    table: TurnTable,
    *,
    gamma: float = 0.99,
    lam: float = 0.95,
    bootstrap_truncated: bool = True,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn its GAE: the sum of (gamma lam)^k delta_(t+k).

    Schulman et al., arXiv 1506.02438, equation 16, with turns as steps:
    delta_t = r_t + gamma V_(t+1) - V_t. Beyond the last turn V is 0; where the
    trajectory was cut off it is column next_value, if it is to be bootstrapped.

    Args:
        table: the batch; needs column value, the critic's value of the state
            before each turn, and next_value, that of the state after it, where
            a trajectory was cut off and bootstrap_truncated is on.
        gamma: discount from turn to turn.
        lam: the trace's decay.
        bootstrap_truncated: whether a cut-off trajectory goes on with next_value.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts delta; targets value [N] = advantage + V.
    """
    value_N = table.numbers("value", "turn_ppo")
    after_N = np.append(value_N[1:], 0.0)[: len(table)]
    cut_N = table.is_last & ~done_rows(table)
    beyond_N = np.zeros(len(table))
    if bootstrap_truncated and cut_N.any():
        beyond_N = np.where(cut_N, table.numbers("next_value", "turn_ppo with bootstrap_truncated"), 0.0)
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    delta_N = reward_N + gamma * np.where(table.is_last, beyond_N, after_N) - value_N
    advantage_N = recurrence(delta_N, np.where(table.is_last, 0.0, gamma * lam))
    return Credit(advantage_N, parts={"delta": delta_N}, targets={"value": advantage_N + value_N})
