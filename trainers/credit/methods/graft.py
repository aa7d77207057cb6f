"""GRAFT: values and advantages on the empirical graph, not along single trajectories.

Shapes: _N rows (turns), _E edges, _V nodes (states of a prompt group).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base import Credit, register
from ..statistics.groups import moments
from ..statistics.scores import Penalised, penalties
from ..table.columns import FloatArray, IntArray, combine, sums
from ..table.scan import recurrence
from ..table.table import TurnTable


@register("graft")
def graft(
    table: TurnTable,
    *,
    gamma: float = 0.99,
    lam: float = 0.95,
    epsilon: float = 1e-6,
    sweeps: int = 100,
    tolerance: float = 1e-10,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn the advantage of its edge on the graph, normalised in its node.

    GRAFT; our reading of the text, no code is public. Nodes are the states of a
    prompt group, edges are (state, action, next state), the end of a
    trajectory is worth 0. V(s) = mean over visits of r + gamma V(next), by
    Bellman sweeps. With these values every trajectory has its GAE; an edge's
    advantage is the mean over its turns, normalised over the distinct edges of
    its node (ddof 0). A node with one edge has mean 0 and deviation |A|.

    Args:
        table: the batch; needs columns state_key and action.
        gamma: discount.
        lam: 0.95 in the authors' ALFWorld runs, 0.8 in WebShop, 0.6 in search.
        epsilon: added to deviations.
        sweeps: the largest number of sweeps; they start from the mean returns,
            which are exact where trajectories do not meet again.
        tolerance: sweeps stop when nothing changes by more, relative to the
            largest value; advantages below ten times that are 0.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts node_value, edge_advantage (before normalising),
        edge, step_group (the node).
    """
    node_N = table.anchors("graft")
    num_nodes = int(node_N.max(initial=-1)) + 1
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    next_N = np.where(table.is_last, num_nodes, np.append(node_N[1:], 0)[: len(table)])
    visits_V = np.maximum(np.bincount(node_N, minlength=num_nodes), 1)

    def node_mean(values_N: FloatArray) -> FloatArray:
        return np.append(sums(values_N, node_N, num_nodes) / visits_V, 0.0)  # the last is the end

    decay_N = np.where(table.is_last, 0.0, gamma)
    value_V = _iterate(
        node_mean(recurrence(reward_N, decay_N)),
        lambda value_V: node_mean(reward_N + gamma * value_V[next_N]),
        sweeps,
        tolerance,
    )
    delta_N = reward_N + gamma * value_V[next_N] - value_V[node_N]
    gae_N = recurrence(delta_N, lam * decay_N)
    edge_N = combine(combine(node_N, table.codes("action", "graft")), next_N)
    scale = max(np.abs(value_V).max(initial=0.0), np.abs(reward_N).max(initial=0.0))
    edge_E, raw_E = _edge_advantages(edge_N, gae_N, 10 * tolerance * scale)
    node_E = np.zeros(edge_E.size, dtype=np.int64)
    node_E[edge_N] = node_N
    return Credit(
        _normalised(raw_E, node_E, num_nodes, epsilon)[edge_N],
        parts={
            "node_value": value_V[node_N],
            "edge_advantage": raw_E[edge_N],
            "edge": edge_N,
            "step_group": node_N,
        },
    )


def _iterate(
    start_V: FloatArray, sweep: Callable[[FloatArray], FloatArray], sweeps: int, tolerance: float
) -> FloatArray:
    """Repeat a sweep until nothing changes, relative to the largest value, or the sweeps are used up."""
    value_V = start_V
    for _ in range(sweeps):
        new_V = sweep(value_V)
        change = np.abs(new_V - value_V).max(initial=0.0)
        value_V = new_V
        if change <= tolerance * np.abs(value_V).max(initial=0.0):
            break
    return value_V


def _edge_advantages(edge_N: IntArray, raw_N: FloatArray, noise: float) -> tuple[IntArray, FloatArray]:
    """Return the size and the mean advantage of each edge; what is rounding is 0."""
    size_E = np.bincount(edge_N)
    mean_E = sums(raw_N, edge_N, size_E.size) / np.maximum(size_E, 1)
    mean_E[np.abs(mean_E) <= noise] = 0.0
    return size_E, mean_E


def _normalised(raw_E: FloatArray, node_E: IntArray, num_nodes: int, epsilon: float) -> FloatArray:
    """Normalise over the edges of each node; an only edge is divided by its own size."""
    of = moments(raw_E, node_E, num_nodes, ddof=0)
    lone_E = (of.count == 1)[node_E]
    mean_E = np.where(lone_E, 0.0, of.mean[node_E])
    std_E = np.where(lone_E, np.abs(raw_E), of.std[node_E])
    alive_E = np.where(lone_E, raw_E != 0.0, of.alive[node_E])
    scaled: FloatArray = np.where(alive_E, (raw_E - mean_E) / (np.where(alive_E, std_E, 1.0) + epsilon), 0.0)
    return scaled
