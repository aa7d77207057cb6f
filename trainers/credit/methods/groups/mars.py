"""MARS: several players, each held against its own turns only.

Shapes: _N rows (turns), _P players.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import centre, moments
from ...statistics.whiten import whitened
from ...table.columns import FloatArray, IntArray, combine, sums
from ...table.scan import recurrence
from ...table.table import TurnTable

_DIGITS = 12


@register(
    "mars",
    tells_agents=True,
    source=Source(
        paper="MARS",
        ref="arXiv 2510.15414",
        note="values that agree to 12 digits count as one among the distinct ones; the 0 of padding, "
        "which the published code takes for one of them, is an option (`padding`); players of "
        "different environments are told apart",
    ),
)
def mars(
    table: TurnTable,
    *,
    gamma: float = 1.0,
    scope: Literal["batch", "group"] = "batch",
    padding: bool = False,
    epsilon: float = 1e-8,
) -> Credit:
    """Give every turn its player's return-to-go, centred per player and whitened.

    MARS, reinforcing multi-agent reasoning through self-play, arXiv 2510.15414,
    in the order of the published code: turn rewards less their mean
    per player; return-to-go over the player's own later turns of the episode;
    less the mean of the distinct values per player; whitened over tokens.

    Args:
        table: the batch; needs column agent (the player), and num_tokens for
            whitening over tokens; without it every turn weighs the same. Where
            column env_id is there, players of different environments are different.
        gamma: discount from one turn of a player to its next.
        scope: players are told apart over the whole "batch", or in each prompt "group".
        padding: whether 0 is always one of the distinct values, as in the published
            code, which looks for them in a tensor that is padded with 0.
        epsilon: added to the variance (ddof 1).

    Returns:
        advantage [N]; parts centred_reward, return_to_go, centred_return.
    """
    check_choice("scope", scope, ("batch", "group"))
    player_N = table.codes("agent", "mars")
    world_N = table.codes("env_id") if "env_id" in table.columns else np.zeros_like(player_N)
    role_N = combine(table.group if scope == "group" else world_N, player_N)
    num_roles = int(role_N.max(initial=-1)) + 1
    reward_N = centre(table.reward, role_N, moments(table.reward, role_N, num_roles))
    return_N = _own_returns(table, player_N, reward_N, gamma)
    centred_N = return_N - _mean_of_distinct(return_N, role_N, num_roles, padding)[role_N]
    weight_N: IntArray = table.columns.get("num_tokens", np.ones(len(table), dtype=np.int64))
    return Credit(
        whitened(centred_N, weight_N, epsilon),
        parts={"centred_reward": reward_N, "return_to_go": return_N, "centred_return": centred_N},
    )


def _own_returns(table: TurnTable, player_N: IntArray, reward_N: FloatArray, gamma: float) -> FloatArray:
    """Return the discounted sum of the same player's rewards from here to the episode's end [N]."""
    order = np.lexsort((np.arange(len(table)), player_N, table.trajectory))
    seat = combine(table.trajectory, player_N)[order]
    final = np.append(seat[1:] != seat[:-1], True)[: seat.size]
    return_N = np.zeros(len(table))
    return_N[order] = recurrence(reward_N[order], np.where(final, 0.0, gamma))
    return return_N


def _mean_of_distinct(values_N: FloatArray, role_N: IntArray, num_roles: int, padding: bool) -> FloatArray:
    """Return the mean of the distinct values of each role; values equal but for rounding are one.

    Under padding 0 is one of them, whether or not a turn has it.
    """
    scale = np.abs(values_N).max(initial=0.0)
    step = scale * 10.0**-_DIGITS if scale > 0 else 1.0
    bin_N = np.rint(values_N / step).astype(np.int64)
    pair_N = combine(role_N, bin_N - bin_N.min(initial=0))
    _, first = np.unique(pair_N, return_index=True)
    count_P = np.bincount(role_N[first], minlength=num_roles)
    if padding:
        has_zero_P = np.bincount(role_N[first], bin_N[first] == 0, minlength=num_roles) > 0
        count_P += ~has_zero_P
    return sums(values_N[first], role_N[first], num_roles) / np.maximum(count_P, 1)
