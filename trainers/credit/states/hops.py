"""Sums over the edges of a graph by how many hops away they lie.

Shapes: _E distinct edges, _V nodes, _K pairs of a source and a node at one distance from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..table.columns import BoolArray, FloatArray, IntArray, sums

_CELLS = 2_000_000
"""Pairs of nodes that are looked at together: what a search remembers, in bytes times nine."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Distinct edges between nodes; nodes of one prompt group are numbered together."""

    tail_E: IntArray
    head_E: IntArray  # num_nodes: the end, which nothing leaves
    delta_E: FloatArray
    group_V: IntArray  # rising

    def some(self, first: int, last: int) -> tuple[IntArray, Edges]:
        """Return the edges between nodes [first, last), which are renumbered from 0, and where they stand."""
        chosen = np.flatnonzero((self.tail_E >= first) & (self.tail_E < last))
        head = np.minimum(self.head_E[chosen] - first, last - first)
        tail, delta = self.tail_E[chosen] - first, self.delta_E[chosen]
        return chosen, Edges(tail, head, delta, self.group_V[first:last])


def hop_traces(edges: Edges, decay: float) -> FloatArray:
    """Return the sum over k of decay^k times the mean delta of the edges exactly k hops away [E].

    An edge is 0 hops from itself, those that leave its head are 1 hop away, and
    so on by the shortest way; each is counted at that distance alone.
    """
    trace_E = edges.delta_E.copy()
    if decay == 0.0 or not trace_E.size:
        return trace_E
    first_V = np.flatnonzero(np.append(True, np.diff(edges.group_V) > 0)[: edges.group_V.size])
    size_G = np.diff(np.append(first_V, edges.group_V.size))
    block_G = np.cumsum(size_G**2) // _CELLS
    begins = first_V[np.flatnonzero(np.append(True, np.diff(block_G) > 0)[: block_G.size])]
    for first, last in zip(begins, [*begins[1:], edges.group_V.size], strict=True):
        chosen, block = edges.some(int(first), int(last))
        trace_E[chosen] += _beyond(block, decay)
    return trace_E


def _beyond(edges: Edges, decay: float) -> FloatArray:
    """Return the sum over k from 1 on [E]: breadth first from the heads of all edges at once."""
    num = edges.group_V.size
    out_V, total_V = np.bincount(edges.tail_E, minlength=num), sums(edges.delta_E, edges.tail_E, num)
    search = _Search.of(edges)
    trace_E, known_E = np.zeros(edges.tail_E.size), np.zeros(edges.tail_E.size, dtype=np.bool_)
    inner_E = edges.head_E < num
    source_K = here_K = np.arange(num)
    weight = decay
    while here_K.size:
        sum_V = np.append(sums(total_V[here_K], source_K, num), 0.0)
        count_V = np.append(sums(out_V[here_K], source_K, num), 0.0)
        itself_E = search.has_reached_own_tail(edges, inner_E) & ~known_E
        known_E |= itself_E
        sum_E = sum_V[edges.head_E] - np.where(itself_E, edges.delta_E, 0.0)
        count_E = count_V[edges.head_E] - itself_E
        trace_E += weight * np.where(count_E > 0, sum_E / np.maximum(count_E, 1), 0.0)
        source_K, here_K = search.step(source_K, here_K)
        weight *= decay
    return trace_E


@dataclass(frozen=True, slots=True)
class _Search:
    """Which pairs of nodes have been met, and where each node leads."""

    base_V: IntArray  # the first cell of a source: one for each node of its group
    local_V: IntArray  # the place of a node in its group
    seen: BoolArray
    mark: IntArray
    start_V: IntArray  # the first of a node's successors
    degree_V: IntArray
    after: IntArray  # successors, node by node

    @classmethod
    def of(cls, edges: Edges) -> _Search:
        num = edges.group_V.size
        first_V = np.searchsorted(edges.group_V, edges.group_V)
        size_V = np.searchsorted(edges.group_V, edges.group_V, side="right") - first_V
        base_V = np.cumsum(size_V) - size_V
        local_V = np.arange(num) - first_V
        inner = edges.head_E < num
        tail, after = np.divmod(np.unique(edges.tail_E[inner] * num + edges.head_E[inner]), max(num, 1))
        degree_V = np.bincount(tail, minlength=num)
        seen = np.zeros(int(size_V.sum()), dtype=np.bool_)
        seen[base_V + local_V] = True
        mark = np.zeros(seen.size, dtype=np.int64)
        return cls(base_V, local_V, seen, mark, np.cumsum(degree_V) - degree_V, degree_V, after)

    def has_reached_own_tail(self, edges: Edges, inner_E: BoolArray) -> BoolArray:
        """Tell which edges can be come back to from their head by what has been met [E]."""
        found_E = np.zeros(inner_E.size, dtype=np.bool_)
        head, tail = edges.head_E[inner_E], edges.tail_E[inner_E]
        found_E[inner_E] = self.seen[self.base_V[head] + self.local_V[tail]]
        return found_E

    def step(self, source_K: IntArray, here_K: IntArray) -> tuple[IntArray, IntArray]:
        """Return the pairs one hop further that had not been met."""
        degree_K = self.degree_V[here_K]
        source = np.repeat(source_K, degree_K)
        within = np.arange(source.size) - np.repeat(np.cumsum(degree_K) - degree_K, degree_K)
        node = self.after[np.repeat(self.start_V[here_K], degree_K) + within]
        cell = self.base_V[source] + self.local_V[node]
        new = ~self.seen[cell]
        source, node, cell = source[new], node[new], cell[new]
        self.mark[cell] = np.arange(cell.size)
        once = self.mark[cell] == np.arange(cell.size)
        self.seen[cell] = True
        return source[once], node[once]
