"""The value of each state on the graph of a batch, exactly.

Shapes: _N rows (turns), _V nodes (states of a prompt group), _J nodes of a group that
several turns were taken in.
"""

from __future__ import annotations

import numpy as np

from ..table.columns import FloatArray, IntArray, sums
from ..table.scan import recurrence
from ..table.table import TurnTable


def node_values(table: TurnTable, node_N: IntArray, reward_N: FloatArray, gamma: float) -> FloatArray:
    """Return V(s), the mean over the turns taken in s of r + gamma V(next); the end, the last, is 0 [V + 1].

    A state that one turn alone was taken in is worth what follows it, up to the
    next state that several were taken in. For those the equations of each prompt
    group are solved, so the cost is that of a dense system of so many unknowns a group.

    Args:
        table: the batch.
        node_N: the node of each turn's state.
        reward_N: what each turn earned.
        gamma: discount from turn to turn, at most 1.
    """
    num_nodes = int(node_N.max(initial=-1)) + 1
    visits_V = np.bincount(node_N, minlength=num_nodes)
    shared_N = visits_V[node_N] > 1
    goes_on_N = ~table.is_last & ~np.append(shared_N[1:], False)[: len(table)]
    earned_N = recurrence(reward_N, np.where(goes_on_N, gamma, 0.0))
    length_N = recurrence(np.ones(len(table)), goes_on_N.astype(np.float64))
    stop_N = np.arange(len(table)) + length_N.astype(np.int64) - 1
    after_N = np.where(table.is_last[stop_N], num_nodes, np.append(node_N, 0)[stop_N + 1])
    weight_N = gamma**length_N
    value_V = np.zeros(num_nodes + 1)
    rows = np.flatnonzero(shared_N)
    rows = rows[np.argsort(table.group[rows], kind="stable")]
    for own in np.split(rows, np.flatnonzero(np.diff(table.group[rows])) + 1):
        nodes, place = np.unique(node_N[own], return_inverse=True)
        value_V[nodes] = _solved(nodes, place, visits_V[nodes], earned_N[own], after_N[own], weight_N[own])
    alone_N = ~shared_N
    value_V[node_N[alone_N]] = earned_N[alone_N] + weight_N[alone_N] * value_V[after_N[alone_N]]
    return value_V


def success_values(table: TurnTable, node_N: IntArray, gamma: float, method: str) -> FloatArray:
    """Return the discounted chance to succeed from each state, under what was tried there [V + 1].

    The chance of r steps to success counts gamma^r: V(s) is gamma times the mean over the
    turns taken in s of V(next), 1 beyond a solved trajectory and 0 beyond another.

    Raises:
        TableError: if it is not told which trajectories are solved.
    """
    won_N = table.is_last & table.solved(method)
    return node_values(table, node_N, np.where(won_N, gamma, 0.0), gamma)


def next_values(table: TurnTable, value_N: FloatArray, beyond_N: FloatArray) -> FloatArray:
    """Return what each turn leads to: the value of the next state, or what lies beyond the last turn [N]."""
    return np.where(table.is_last, beyond_N, np.append(value_N[1:], 0.0)[: len(table)])


def _solved(
    node_J: IntArray,
    place_N: IntArray,
    visits_J: IntArray,
    earned_N: FloatArray,
    after_N: IntArray,
    weight_N: FloatArray,
) -> FloatArray:
    """Solve V = mean of earned + weight V(after) over the turns of each node of a group [J]."""
    if not node_J.size:
        return np.zeros(0)
    on_N = after_N <= node_J[-1]
    column = np.searchsorted(node_J, after_N[on_N])
    cell = place_N[on_N] * node_J.size + column
    share_N = weight_N / visits_J[place_N]
    equations = np.eye(node_J.size) - sums(share_N[on_N], cell, node_J.size**2).reshape(node_J.size, -1)
    mean_J = sums(earned_N, place_N, node_J.size) / visits_J
    return np.linalg.solve(equations, mean_J).astype(np.float64, copy=False)
