"""GAGPO: generalised advantage estimation with the mean return of a state for its critic.

Shapes: _N rows (turns), _V nodes (states of a prompt group).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...states.values import next_values
from ...statistics.groups import average, moments, quiet, standardise
from ...statistics.scores import Mode, Penalised, penalties
from ...table.columns import sums
from ...table.scan import discounted_sum, recurrence
from ...table.table import TurnTable


@register(
    "gagpo",
    source=Source(
        "GAGPO, generalized advantage grouped policy optimization",
        "arXiv 2605.13217",
        "our reading",
        how="from summaries: the paper's equations were not to be read, and no code is public",
        note="open points are parameters: which turns are normalised together (the prompt group), gamma and "
        "lam (those of a port that is not the authors'); beyond the last turn the value is 0. The ratio of a "
        "turn is the recipe's loss",
    ),
)
def gagpo(
    table: TurnTable,
    *,
    gamma: float = 0.95,
    lam: float = 0.8,
    normalise: Literal["group", "state"] = "group",
    mode: Mode = "mean_std",
    epsilon: float = 1e-6,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn its GAE along the trajectory, normalised in its group.

    GAGPO, arXiv 2605.13217; our reading. V(s) is the mean discounted return of the turns that a
    prompt group took in s; delta = r + gamma V(next) - V(s), and 0 for V beyond the end; the trace
    decays by gamma lam.

    Args:
        table: the batch; needs column state_key.
        gamma: discount from turn to turn.
        lam: trace decay; 0 looks one turn ahead, 1 takes the return less V.
        normalise: over the turns of the prompt "group", or those taken in the same "state".
        mode: "mean_std" or "mean" (ddof 1).
        epsilon: added to deviations.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts node_value, next_value, delta, gae (before it is normalised), step_group;
        figure shared, the share of turns whose state was met more than once.
    """
    check_choice("normalise", normalise, ("group", "state"))
    check_choice("mode", mode, ("mean_std", "mean"))
    node_N = table.anchors("gagpo")
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    return_N = discounted_sum(reward_N, table.is_last, gamma)
    visits_V = np.bincount(node_N)
    value_N = (sums(return_N, node_N, visits_V.size) / np.maximum(visits_V, 1))[node_N]
    next_N = next_values(table, value_N, np.zeros(len(table)))
    scale = float(np.abs(return_N).max(initial=0.0))
    delta_N = quiet(reward_N + gamma * next_N - value_N, scale)
    gae_N = recurrence(delta_N, np.where(table.is_last, 0.0, gamma * lam))
    group_N = table.group if normalise == "group" else node_N
    of = moments(gae_N, group_N, int(group_N.max(initial=-1)) + 1)
    return Credit(
        standardise(gae_N, group_N, of, mode, epsilon),
        parts={
            "node_value": value_N,
            "next_value": next_N,
            "delta": delta_N,
            "gae": gae_N,
            "step_group": node_N,
        },
        figures={"shared": average(visits_V[node_N] > 1)},
    )
