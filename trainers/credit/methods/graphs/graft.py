"""GRAFT: values and advantages on the empirical graph, not along single trajectories.

Shapes: _N rows (turns), _E edges, _V nodes (states of a prompt group).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...states.hops import Edges, hop_traces
from ...states.values import node_values
from ...statistics.groups import moments, quiet
from ...statistics.scores import Penalised, penalties
from ...table.columns import FloatArray, IntArray, combine, sums
from ...table.scan import recurrence
from ...table.table import TurnTable


@register(
    "graft",
    source=Source(
        paper="GRAFT",
        ref="2026",
        exact="our reading",
        how="by hand, and against a walk from edge to edge on random graphs",
        note="all of it: no code is public. Ends are worth 0; values are solved exactly; an edge's trace "
        "is the mean over the distinct edges exactly k hops ahead, by the shortest way (`trace = "
        '"trajectory"`: GAE along trajectories with the graph\'s values, as it was here first); '
        "deviations are over distinct edges, ddof 0. The loss has one ratio a response",
    ),
)
def graft(
    table: TurnTable,
    *,
    gamma: float = 0.99,
    lam: float = 0.95,
    trace: Literal["edges", "trajectory"] = "edges",
    epsilon: float = 1e-6,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give every turn the advantage of its edge on the graph, normalised in its node.

    GRAFT; our reading of the text, no code is public. Nodes are the states of a
    prompt group, edges are (state, action, next state), the end of a
    trajectory is worth 0. V(s) = mean over visits of r + gamma V(next), solved
    exactly; an edge's delta is its mean reward + gamma V(next) - V(state). Its
    advantage sums, over k, (gamma lam)^k times the mean delta of the distinct
    edges exactly k hops away (the text's equations 9 and 10), and is normalised
    over the distinct edges of its node (ddof 0). A node with one edge has mean 0
    and deviation |A|.

    Args:
        table: the batch; needs columns state_key and action.
        gamma: discount.
        lam: 0.95 in the authors' ALFWorld runs, 0.8 in WebShop, 0.6 in search.
        trace: "edges": as above; "trajectory": every trajectory has its GAE with
            the graph's values, and an edge the mean over its turns.
        epsilon: added to deviations.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N]; parts node_value, edge_advantage (before normalising),
        edge, step_group (the node).
    """
    check_choice("trace", trace, ("edges", "trajectory"))
    node_N = table.anchors("graft")
    num_nodes = int(node_N.max(initial=-1)) + 1
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    value_V = node_values(table, node_N, reward_N, gamma)
    next_N = np.where(table.is_last, num_nodes, np.append(node_N[1:], 0)[: len(table)])
    delta_N = reward_N + gamma * value_V[next_N] - value_V[node_N]
    edge_N = combine(combine(node_N, table.codes("action", "graft")), next_N)
    if trace == "edges":
        raw_E = _by_hops(table, node_N, next_N, edge_N, delta_N, gamma * lam)
    else:
        raw_E = _mean(edge_N, recurrence(delta_N, np.where(table.is_last, 0.0, gamma * lam)))
    scale = max(np.abs(value_V).max(initial=0.0), np.abs(reward_N).max(initial=0.0))
    raw_E = quiet(raw_E, scale)
    node_E = np.zeros(raw_E.size, dtype=np.int64)
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


def _by_hops(
    table: TurnTable, node_N: IntArray, next_N: IntArray, edge_N: IntArray, delta_N: FloatArray, decay: float
) -> FloatArray:
    """Return the trace of each edge over the edges ahead of it [E]."""
    delta_E = _mean(edge_N, delta_N)
    num_nodes = int(node_N.max(initial=-1)) + 1
    group_V = np.zeros(num_nodes, dtype=np.int64)
    group_V[node_N] = table.group
    order = np.argsort(group_V, kind="stable")
    place_V = np.append(np.argsort(order), num_nodes)  # nodes of one group stand together
    tail_E, head_E = np.zeros(delta_E.size, dtype=np.int64), np.zeros(delta_E.size, dtype=np.int64)
    tail_E[edge_N], head_E[edge_N] = place_V[node_N], place_V[next_N]
    return hop_traces(Edges(tail_E, head_E, delta_E, group_V[order]), decay)


def _mean(edge_N: IntArray, values_N: FloatArray) -> FloatArray:
    """Return the mean over the turns of each edge [E]."""
    size_E = np.bincount(edge_N)
    mean_E: FloatArray = sums(values_N, edge_N, size_E.size) / np.maximum(size_E, 1)
    return mean_E


def _normalised(raw_E: FloatArray, node_E: IntArray, num_nodes: int, epsilon: float) -> FloatArray:
    """Normalise over the edges of each node; an only edge is divided by its own size."""
    of = moments(raw_E, node_E, num_nodes, ddof=0)
    lone_E = (of.count == 1)[node_E]
    mean_E = np.where(lone_E, 0.0, of.mean[node_E])
    std_E = np.where(lone_E, np.abs(raw_E), of.std[node_E])
    alive_E = np.where(lone_E, raw_E != 0.0, of.alive[node_E])
    scaled: FloatArray = np.where(alive_E, (raw_E - mean_E) / (np.where(alive_E, std_E, 1.0) + epsilon), 0.0)
    return scaled
