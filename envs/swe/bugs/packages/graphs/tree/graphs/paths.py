"""Shortest paths by weight."""

import heapq

from .errors import GraphError, NegativeCycleError, NoPathError


def dijkstra(graph, start):
    """Return the distances of all nodes that can be reached, and the node before each.

    Both are dictionaries, nearest node first; before the start comes None.

    Raises:
        GraphError: if a weight is negative, or there is no such node.
    """
    best = {start: 0}
    before = {start: None}
    done = {}
    count = 0
    queue = [(0, count, start)]
    while queue:
        distance, _, node = heapq.heappop(queue)
        if node in done:
            continue
        done[node] = distance
        for target in graph.neighbours(node):
            weight = graph.weight(node, target)
            if weight < 0:
                raise GraphError(f"negative weight from {node!r} to {target!r}: use bellman_ford")
            if target not in best or distance + weight < best[target]:
                best[target] = distance + weight
                before[target] = node
                count += 1
                heapq.heappush(queue, (best[target], count, target))
    return done, {node: before[node] for node in done}


def bellman_ford(graph, start):
    """Return what dijkstra returns, in the order of the graph; weights may be negative.

    Raises:
        GraphError: if there is no such node.
        NegativeCycleError: if a cycle of negative weight can be reached from the start.
    """
    graph.neighbours(start)
    best = {start: 0}
    before = {start: None}
    edges = _arcs(graph)
    for _ in range(len(graph)):
        changed = False
        for source, target, weight in edges:
            if source in best and (target not in best or best[source] + weight < best[target]):
                best[target] = best[source] + weight
                before[target] = source
                changed = True
        if not changed:
            reached = [node for node in graph if node in best]
            return {node: best[node] for node in reached}, {node: before[node] for node in reached}
    raise NegativeCycleError(f"a cycle of negative weight can be reached from {start!r}")


def shortest_path(graph, start, end):
    """Return the length of the shortest path and its nodes.

    Raises:
        GraphError: if a node is missing.
        NegativeCycleError: if a cycle of negative weight can be reached from the start.
        NoPathError: if the end cannot be reached.
    """
    graph.neighbours(end)
    negative = any(weight < 0 for _, _, weight in graph.edges())
    distances, before = (bellman_ford if negative else dijkstra)(graph, start)
    if end not in distances:
        raise NoPathError(f"no path from {start!r} to {end!r}")
    path = [end]
    while path[-1] != start:
        path.append(before[path[-1]])
    return distances[end], path[::-1]


def _arcs(graph):
    return [
        (source, target, graph.weight(source, target))
        for source in graph
        for target in graph.neighbours(source)
    ]
