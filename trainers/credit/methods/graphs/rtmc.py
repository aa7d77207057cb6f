"""RTMC: the episodes of a group are a tree, whose branches are told by signatures of what was done.

Shapes: _N rows (turns), _P pairs of a state and an action, _S states.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...states.signatures import action_signatures, done_before, first_rows
from ...statistics.groups import average, moments
from ...statistics.scores import Penalised, penalties, statistics_of
from ...table.columns import FloatArray, combine, sums
from ...table.table import TurnTable


@register(
    "rtmc",
    source=Source(
        "RTMC, step-level credit assignment via rollout trees",
        "arXiv 2604.11037",
        "our reading",
        how="by hand: the equations as GRAFT's appendix and a port that is not the authors' quote them",
        note="the paper's signatures are tables of a coding agent's tools; here a state is the set of actions"
        " done before, and an action its text or its first `words`. A group whose episodes all earn the same"
        " gets 0: the prior would charge its early turns for the discount",
    ),
)
def rtmc(
    table: TurnTable,
    *,
    gamma: float = 0.99,
    prior: float = 2.0,
    states: Literal["done", "key"] = "done",
    words: int = 0,
    normalise: bool = True,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn Q(state, action) - V(state), means over the episodes of its group.

    RTMC, arXiv 2604.11037; our reading. Q is the mean discounted return of the first visits of a
    state and action, at most one an episode; V the mean of Q by how often each action was taken,
    drawn towards the group's mean return as though so many more visits had earned it.

    Args:
        table: the batch; needs column action, and state_key for states "key".
        gamma: discount from turn to turn.
        prior: how many visits the group's mean return counts for.
        states: a state is the set of actions "done" before it, in whatever order, or its "key".
        words: actions are equal if as many first words are; 0: if the whole text is.
        normalise: divide by the deviation over the turns of the prompt group (ddof 0), without centring.
        invalid_penalty: subtracted from an invalid turn, after averaging.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts action_value (Q), node_value (V), visits (episodes that took the action
        in the state), step_group; figure shared, the share of turns whose state several episodes reached.
    """
    check_choice("states", states, ("done", "key"))
    action_N = action_signatures(table, words, "rtmc")
    state_N = done_before(table, action_N) if states == "done" else table.anchors("rtmc")
    pair_N = combine(state_N, action_N)
    new_N = first_rows(combine(pair_N, table.trajectory))
    return_N = np.where(new_N, table.returns(gamma), 0.0)
    visits_P = np.bincount(pair_N, new_N)
    action_value_N = (sums(return_N, pair_N, visits_P.size) / np.maximum(visits_P, 1))[pair_N]
    episodes = statistics_of(table, table.episode_return, "trajectories")
    visits_S = np.bincount(state_N, new_N)
    drawn_N = (sums(return_N, state_N, visits_S.size) / (visits_S + prior))[state_N]
    value_N = drawn_N + (prior / (visits_S + prior))[state_N] * episodes.mean[table.group]
    away_N = np.where(episodes.alive[table.group], action_value_N - value_N, 0.0)
    if normalise:
        away_N = _by_deviation(table, away_N)
    return Credit(
        away_N - penalties(table, invalid_penalty, penalised),
        parts={
            "action_value": action_value_N,
            "node_value": value_N,
            "visits": visits_P[pair_N],
            "step_group": state_N,
        },
        figures={"shared": average(visits_S[state_N] > 1)},
    )


def _by_deviation(table: TurnTable, values_N: FloatArray) -> FloatArray:
    """Divide by the deviation over each group; a group without one keeps its values."""
    of = moments(values_N, table.group, table.num_groups, ddof=0)
    scaled_N: FloatArray = values_N / np.where(of.alive, of.std, 1.0)[table.group]
    return scaled_N
