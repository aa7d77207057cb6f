"""OREO: policy and value are made consistent with what was reached, whoever played.

Shapes: _N rows (turns), _L tokens of all turns in order, _M trajectories.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, Head, register
from ...table.columns import BoolArray, FloatArray, sums
from ...table.scan import discounted_sum
from ...table.table import TurnTable
from ...table.tokens import Tokens

Level = Literal["token", "turn"]


@register(
    "oreo",
    heads=(Head("token_values", "tokens", "value"),),
    against_reference=True,
    source=Source(
        "OREO, Offline reinforcement learning for LLM multi-step reasoning",
        "arXiv 2412.16145",
        "golden",
        how="both levels, in value and gradient, of policy and of value",
        note="the value head reads the policy's own states instead of a model of its own, and weighs tokens "
        "alike where the code weighs trajectories; the KL of the recipe is k3 of what was said, where the "
        "script for ALFWorld sums over the vocabulary",
    ),
)
def oreo(table: TurnTable, *, beta: float = 0.03, level: Level = "token") -> Credit:
    """Give every token what is missing from the soft Bellman equation, as a push towards it.

    Wang et al., arXiv 2412.16145, as in the published code: with x the log-ratio of policy to
    reference and R the rewards to come, every state should satisfy
    V(s_t) + beta (x_t + x_(t+1) + ...) = R. The value regresses on R - beta (x_t + ...), the policy
    makes the square of the error e_t small through x_t alone (later ones are constants). With one
    optimizer step a batch that gradient is the one of `reinforce` with the advantage -2 beta e_t,
    averaged over the states of each trajectory (loss.aggregation = "trajectory_mean").

    Args:
        table: the batch; needs columns num_tokens, and token_values (the value before each
            token), log_ratio and sampled, one array a turn each.
        beta: of the log-ratio, beside rewards; 0.03 in the authors' runs.
        level: states are before each "token", as in the authors' runs, or before each "turn", as in
            the paper's step-level form.

    Returns:
        advantage [N], the mean over each turn's tokens; tokens; parts error, of each turn's first
        state; targets value, NaN where no state is; figures error (root of the mean square over states)
        and log_ratio (mean of a token).

    Raises:
        UnknownName: for another level.
        TableError: naming a turn without tokens or with another number of values.
    """
    check_choice("level", level, ("token", "turn"))
    tokens = Tokens.of(table, "oreo")
    value_L = tokens.flat(table, "token_values", "oreo")
    sampled_L = tokens.flat(table, "sampled", "oreo") > 0
    ratio_L = np.where(sampled_L, tokens.flat(table, "log_ratio", "oreo"), 0.0)
    first_L = _first_of_turn(sampled_L, tokens)
    state_L = sampled_L if level == "token" else first_L
    ends_L = tokens.last_L & table.is_last[tokens.row_L]
    ahead_L = discounted_sum(ratio_L, ends_L, 1.0)
    target_L = table.returns(1.0)[tokens.row_L] - beta * ahead_L
    error_L = value_L - target_L
    if level == "turn":
        error_L = sums(np.where(first_L, error_L, 0.0), tokens.row_L, len(table))[tokens.row_L]
    weight_M = _tokens_of_a_state(table, tokens, sampled_L, state_L)
    weight_L = weight_M[table.trajectory[tokens.row_L]]
    advantage_L = np.where(sampled_L, -2.0 * beta * error_L * weight_L, 0.0)
    return Credit(
        tokens.mean(advantage_L),
        parts={"error": sums(np.where(first_L, error_L, 0.0), tokens.row_L, len(table))},
        tokens=tokens.split(advantage_L),
        targets={"value": tokens.split(np.where(state_L, target_L, np.nan))},
        figures={
            "error": float(np.sqrt(_mean(error_L[state_L] ** 2))),
            "log_ratio": _mean(ratio_L[sampled_L]),
        },
    )


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else 0.0


def _first_of_turn(sampled_L: BoolArray, tokens: Tokens) -> BoolArray:
    """Tell which tokens are the first sampled one of their turn [L]."""
    first_L = np.zeros(sampled_L.size, dtype=np.bool_)
    place_K = np.flatnonzero(sampled_L)
    row_K = tokens.row_L[place_K]
    first_L[place_K] = np.append(True, row_K[1:] != row_K[:-1])[: place_K.size]
    return first_L


def _tokens_of_a_state(
    table: TurnTable, tokens: Tokens, sampled_L: BoolArray, state_L: BoolArray
) -> FloatArray:
    """Return how many sampled tokens a trajectory has for each of its states [M].

    A mean over tokens, times this, is the mean over states of what their tokens sum to.
    """
    trajectory_L, num = table.trajectory[tokens.row_L], table.num_trajectories
    return sums(sampled_L, trajectory_L, num) / np.maximum(sums(state_L, trajectory_L, num), 1.0)
