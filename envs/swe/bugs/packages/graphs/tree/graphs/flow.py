"""Maximum flow by shortest augmenting paths (Edmonds and Karp); weights are capacities."""

from collections import deque

from .errors import GraphError


def max_flow(graph, source, sink):
    """Return the value of a largest flow, and the flow on every edge that carries some.

    The flow is a dictionary (source, target) -> amount. Between two nodes it goes one way only.

    Raises:
        GraphError: if a node is missing, source and sink are the same, or a capacity is negative.
    """
    rest = _solve(graph, source, sink)
    flow = {}
    for node, target, capacity in _capacities(graph):
        used = capacity - rest[node][target]
        if used > 0:
            flow[node, target] = used
    value = sum(used for (node, _), used in flow.items() if node == source)
    return value, flow


def min_cut(graph, source, sink):
    """Return the nodes on the side of the source, and the edges that lead out of it.

    Together the edges have the value of the largest flow; of several such cuts, the one nearest to the
    source is given.

    Raises:
        GraphError: as max_flow.
    """
    rest = _solve(graph, source, sink)
    near = _reachable(rest, source)
    side = [node for node in graph if node in near]
    edges = [
        (node, target)
        for node, target, capacity in _capacities(graph)
        if node in near and target not in near and capacity > 0
    ]
    return side, edges


def _solve(graph, source, sink):
    """Return what is left of every capacity, edges backward included, when the flow is largest."""
    graph.neighbours(source)
    graph.neighbours(sink)
    if source == sink:
        raise GraphError("source and sink are the same node")
    rest = {node: {} for node in graph}
    for node, target, capacity in _capacities(graph):
        if capacity < 0:
            raise GraphError(f"negative capacity from {node!r} to {target!r}")
        rest[node][target] = capacity
        rest[target].setdefault(node, 0)
    while True:
        before = _reachable(rest, source)
        if sink not in before:
            return rest
        path = []
        node = sink
        while node != source:
            path.append((before[node], node))
            node = before[node]
        amount = min(rest[start][end] for start, end in path)
        for start, end in path:
            rest[start][end] -= amount
            rest[end][start] += amount


def _reachable(rest, source):
    """Return for every node that can still be reached the node before it."""
    before = {source: None}
    queue = deque([source])
    while queue:
        node = queue.popleft()
        for target, left in rest[node].items():
            if left > 0 and target not in before:
                before[target] = node
                queue.append(target)
    return before


def _capacities(graph):
    return [
        (node, target, graph.weight(node, target))
        for node in graph
        for target in graph.neighbours(node)
        if node != target
    ]
