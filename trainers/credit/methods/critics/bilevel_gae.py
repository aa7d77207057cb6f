"""Bi-level GAE: the advantage of a turn becomes the reward of its tokens.

Shapes: _BL padded rows of tokens, one row a trajectory; _K tokens that were
sampled, laid end to end; _E ends of turns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .....errors import TableError
from ....parts import Source
from ...base import Credit, Head, register
from ...statistics.scores import Penalised, penalties
from ...table.columns import BoolArray, FloatArray, IntArray
from ...table.scan import recurrence
from ...table.table import TurnTable
from ...table.tokens import Tokens


def bilevel_gae(
    rewards: Any,
    values: Any,
    mask: Any,
    gamma: float = 1.0,
    lam: float = 1.0,
    high_level_gamma: float = 0.95,
    turn_end: Any = None,
) -> tuple[FloatArray, FloatArray]:
    """Return advantages and returns of tokens [B, L], before any whitening.

    Turn level: over the ends of turns, delta = r + high_level_gamma V(next end)
    - V, GAE with lam. Token level: the turn's advantage plus its value is the
    reward of the turn's last token, GAE with gamma and lam inside the turn.
    RAGEN and VAGEN (arXiv 2504.20073), as in the published code.

    Args:
        rewards: [B, L] the turn's reward at its last token.
        values: [B, L] the critic's values.
        mask: [B, L] 1 for sampled tokens.
        gamma: discount from token to token.
        lam: trace decay at both levels.
        high_level_gamma: discount from turn to turn.
        turn_end: [B, L] true at the last token of each turn; None: wherever the
            reward is not 0, as the published code has it, which skips turns with reward 0.

    Raises:
        TableError: if shapes differ, a number is not finite, or a turn ends where nothing was sampled.
    """
    reward_BL, value_BL = np.asarray(rewards, dtype=np.float64), np.asarray(values, dtype=np.float64)
    mask_BL: BoolArray = np.asarray(mask) != 0
    end_BL: BoolArray = reward_BL != 0 if turn_end is None else np.asarray(turn_end) != 0
    shapes = {reward_BL.shape, value_BL.shape, mask_BL.shape, end_BL.shape}
    if len(shapes) > 1 or reward_BL.ndim != 2:
        raise TableError(f"bilevel_gae: shapes {sorted(shapes)}; expected one shape [trajectories, tokens]")
    if not (np.isfinite(reward_BL).all() and np.isfinite(value_BL).all()):
        raise TableError("bilevel_gae: rewards and values must be finite")
    if (end_BL & ~mask_BL).any():
        row, token = np.argwhere(end_BL & ~mask_BL)[0]
        raise TableError(
            f"bilevel_gae: a turn of trajectory {row} ends at token {token}, which mask leaves out"
        )
    row_K = np.nonzero(mask_BL)[0]
    advantage_K = _two_levels(
        reward_BL[mask_BL], value_BL[mask_BL], end_BL[mask_BL], row_K, gamma, lam, high_level_gamma
    )
    advantage_BL, return_BL = np.zeros(reward_BL.shape), np.zeros(reward_BL.shape)
    advantage_BL[mask_BL] = advantage_K
    return_BL[mask_BL] = advantage_K + value_BL[mask_BL]
    return advantage_BL, return_BL


@register(
    "bilevel_gae",
    heads=(Head("token_values", "tokens", "value"),),
    source=Source(
        paper="RAGEN",
        ref="arXiv 2504.20073",
        exact="golden",
        how="as a function of arrays",
        note="as a method of tables it counts turns with reward 0, which the release skips",
    ),
)
def bilevel_gae_of_table(
    table: TurnTable,
    *,
    gamma: float = 1.0,
    lam: float = 1.0,
    high_level_gamma: float = 0.95,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every token its bi-level GAE, every turn counted whatever its reward.

    As `turnwise.credit.bilevel_gae` (RAGEN and VAGEN, arXiv 2504.20073). The
    published code takes a reward of 0 for no turn and skips it; here each turn
    ends at its last token.

    Args:
        table: the batch; needs columns num_tokens and token_values, the critic's
            value at each token, one array a turn.
        gamma: discount from token to token.
        lam: trace decay at both levels.
        high_level_gamma: discount from turn to turn.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N], the mean over each turn's tokens; tokens; targets value,
        one array a turn.

    Raises:
        TableError: naming a turn without tokens or with another number of values.
    """
    tokens = Tokens.of(table, "bilevel_gae")
    value_L = tokens.flat(table, "token_values", "bilevel_gae")
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    reward_L = np.where(tokens.last_L, reward_N[tokens.row_L], 0.0)
    trajectory_L = table.trajectory[tokens.row_L]
    advantage_L = _two_levels(reward_L, value_L, tokens.last_L, trajectory_L, gamma, lam, high_level_gamma)
    return Credit(
        tokens.mean(advantage_L),
        tokens=tokens.split(advantage_L),
        targets={"value": tokens.split(advantage_L + value_L)},
    )


def _two_levels(
    reward_K: FloatArray,
    value_K: FloatArray,
    end_K: BoolArray,
    row_K: IntArray,
    gamma: float,
    lam: float,
    high_level_gamma: float,
) -> FloatArray:
    """Return the advantage of each token; row_K tells trajectories apart."""
    ends = np.flatnonzero(end_K)
    final_E = np.append(row_K[ends][1:] != row_K[ends][:-1], True)[: ends.size]
    value_E = value_K[ends]
    next_E = np.where(final_E, 0.0, np.append(value_E[1:], 0.0)[: ends.size])
    delta_E = reward_K[ends] + high_level_gamma * next_E - value_E
    high_E = recurrence(delta_E, np.where(final_E, 0.0, high_level_gamma * lam))
    updated_K = reward_K.copy()
    updated_K[ends] = high_E + value_E
    stop_K = end_K | np.append(row_K[1:] != row_K[:-1], True)[: row_K.size]
    next_K = np.where(stop_K, 0.0, np.append(value_K[1:], 0.0)[: row_K.size])
    return recurrence(updated_K + gamma * next_K - value_K, np.where(stop_K, 0.0, gamma * lam))
