"""Trees inside undirected graphs, and what holds a graph together."""

from .errors import GraphError


class DisjointSets:
    """A partition of things that can be made coarser: union-find with path halving."""

    def __init__(self):
        self._parent = {}
        self._size = {}

    def find(self, item):
        """Return the one that stands for the set of an item; a new item is a set of its own."""
        if item not in self._parent:
            self._parent[item] = item
            self._size[item] = 1
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def union(self, one, other):
        """Join the sets of two items, and say whether they were apart."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return False
        if self._size[one] < self._size[other]:
            one, other = other, one
        self._parent[other] = one
        self._size[one] += self._size[other]
        return True

    def size(self, item):
        """Count the items in the set of an item."""
        return self._size[self.find(item)]


def spanning_forest(graph, *, largest=False):
    """Return the edges of a spanning forest of least weight, in the order of their choice.

    Args:
        graph: an undirected graph.
        largest: choose the largest weight instead.

    Raises:
        GraphError: if the graph is directed.
    """
    _undirected(graph)
    sets = DisjointSets()
    edges = sorted(graph.edges(), key=lambda edge: -edge[2] if largest else edge[2])
    return [edge for edge in edges if sets.union(edge[0], edge[1])]


def bridges(graph):
    """Return the edges (source, target) without which the graph falls into more parts.

    They come in the order of `graph.edges()`.

    Raises:
        GraphError: if the graph is directed.
    """
    _undirected(graph)
    entered = {}
    low = {}
    found = set()
    for start in graph:
        if start in entered:
            continue
        entered[start] = low[start] = len(entered)
        stack = [(None, start, iter(graph.neighbours(start)))]
        while stack:
            parent, node, targets = stack[-1]
            target = next(targets, None)
            if target is None:
                stack.pop()
                if parent is not None:
                    low[parent] = min(low[parent], low[node])
                    if low[node] > entered[parent]:
                        found |= {(parent, node), (node, parent)}
            elif target not in entered:
                entered[target] = low[target] = len(entered)
                stack.append((node, target, iter(graph.neighbours(target))))
            elif target != parent:
                low[node] = min(low[node], entered[target])
    return [(source, target) for source, target, _ in graph.edges() if (source, target) in found]


def two_colours(graph):
    """Return colour 0 or 1 for every node so that edges join different colours, or None.

    The first node of each component has colour 0.

    Raises:
        GraphError: if the graph is directed.
    """
    _undirected(graph)
    colour = {}
    for start in graph:
        if start in colour:
            continue
        colour[start] = 0
        stack = [start]
        while stack:
            node = stack.pop()
            for target in graph.neighbours(node):
                if target not in colour:
                    colour[target] = 1 - colour[node]
                    stack.append(target)
                elif colour[target] == colour[node]:
                    return None
    return {node: colour[node] for node in graph}


def _undirected(graph):
    if graph.directed:
        raise GraphError("this needs an undirected graph")
