"""SALT: what several trajectories did in common gets the mean of what became of it.

Shapes: _N rows (turns).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from .....errors import UsageError
from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.scores import Penalised, episode_advantage, penalties
from ...table.columns import IntArray, combine, factorise, sums
from ...table.table import TurnTable
from ..groups.rloo import leave_one_out


@register(
    "salt",
    source=Source(
        paper="SALT",
        ref="arXiv 2510.20022",
        exact="our reading",
        how="the worked example by hand",
        note="all of it: no code is public. Merging is by equal state, action and next state inside a "
        "prompt group",
    ),
)
def salt(
    table: TurnTable,
    *,
    base: Literal["grpo", "rloo"] = "grpo",
    history: int = 0,
    average: Literal["occurrences", "trajectories"] = "occurrences",
    actions: Literal["exact", "folded"] = "exact",
    epsilon: float = 1e-6,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Merge equal turns of a prompt group into one edge and give it the mean of their advantages.

    SALT, step-level advantage assignment via trajectory graph, arXiv 2510.20022;
    our reading, the authors' code is not public. Each trajectory has the
    advantage of the base estimator (over trajectories); each turn is an edge
    (state, action, next state); an edge in several turns gets the mean of
    their advantages, an edge that occurs once keeps its own.

    Args:
        table: the batch; needs columns state_key, action, next_state_key.
        base: the estimator of the trajectory's advantage.
        history: merge turns only if as many turns before agree too (all of
            them, where a trajectory has fewer).
        average: the mean is over "occurrences" of the edge, or over the
            distinct "trajectories" that have it.
        actions: "exact": equal as text; "folded": equal but for case and spaces.
        epsilon: added to GRPO's deviation.
        invalid_penalty: subtracted from an invalid turn after merging.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts trajectory_advantage, edge (codes), edge_size (turns in it).

    Raises:
        UsageError: if history is negative.
    """
    check_choice("base", base, ("grpo", "rloo"))
    check_choice("average", average, ("occurrences", "trajectories"))
    if history < 0:
        raise UsageError(f"salt: history={history}; expected 0 or more")
    if base == "grpo":
        own_N = episode_advantage(table, table.episode_return, "mean_std", "trajectories", epsilon)
    else:
        own_N = leave_one_out(table, table.episode_return, "trajectories")
    edge_N = _edges(table, history, actions)
    num_edges = int(edge_N.max(initial=-1)) + 1
    weight_N = np.ones(len(table))
    if average == "trajectories":
        pair_N = combine(edge_N, table.trajectory)
        weight_N = 1.0 / np.bincount(pair_N)[pair_N] if len(table) else weight_N
    mean_E = sums(weight_N * own_N, edge_N, num_edges) / np.maximum(sums(weight_N, edge_N, num_edges), 1e-300)
    size_N = np.bincount(edge_N, minlength=num_edges)[edge_N]
    merged_N = np.where(size_N > 1, mean_E[edge_N], own_N)
    return Credit(
        merged_N - penalties(table, invalid_penalty, penalised),
        parts={"trajectory_advantage": own_N, "edge": edge_N, "edge_size": size_N},
    )


def _edges(table: TurnTable, history: int, actions: str) -> IntArray:
    """Code each turn's edge, with the edges of `history` turns before [N]."""
    check_choice("actions", actions, ("exact", "folded"))
    action_N = table.codes("action", "salt")
    if actions == "folded":
        names = np.empty(int(action_N.max(initial=-1)) + 1, dtype=object)
        names[action_N] = table.column("action")
        folded, _ = factorise([" ".join(str(name).lower().split()) for name in names])
        action_N = folded[action_N]
    here_N = combine(combine(table.anchors("salt"), action_N), table.codes("next_state_key", "salt"))
    edge_N = here_N
    for _ in range(history):
        before_N = np.where(table.turn > 0, np.append(0, edge_N[:-1])[: len(table)] + 1, 0)
        edge_N = combine(before_N, here_N)
    return edge_N
