"""Searches that look at edges but not at weights."""

from collections import deque


def breadth_first(graph, start):
    """Return the nodes that can be reached, nearest first."""
    return list(hops(graph, start))


def hops(graph, start):
    """Return for every node that can be reached the least number of edges to it."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for target in graph.neighbours(node):
            if target not in found:
                found[target] = found[node] + 1
                queue.append(target)
    return found


def depth_first(graph, start):
    """Return the nodes that can be reached, each before what is reached through it."""
    order = []
    seen = set()
    stack = [start]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        order.append(node)
        stack.extend(target for target in reversed(graph.neighbours(node)) if target not in seen)
    return order


def components(graph):
    """Return the groups of nodes that hang together when the direction of edges is ignored.

    Groups come in the order of their first nodes, and so do the nodes of a group.
    """
    number = {}
    for start in graph:
        if start in number:
            continue
        number[start] = start
        stack = [start]
        while stack:
            node = stack.pop()
            for other in graph.neighbours(node) + graph.predecessors(node):
                if other not in number:
                    number[other] = start
                    stack.append(other)
    groups = {}
    for node in graph:
        groups.setdefault(number[node], []).append(node)
    return list(groups.values())


def simple_paths(graph, start, end, longest=None):
    """Yield every path that visits no node twice, in the order of a depth first search.

    Args:
        graph: where to search.
        start: the first node of each path.
        end: the last node; a path ends as soon as it gets there.
        longest: the largest number of edges of a path; None for no bound.
    """
    graph.neighbours(end)
    path = [start]
    on_path = {start}

    def walk(node):
        if node == end:
            yield list(path)
            return
        if longest is not None and len(path) > longest:
            return
        for target in graph.neighbours(node):
            if target in on_path:
                continue
            path.append(target)
            on_path.add(target)
            yield from walk(target)
            on_path.remove(target)
            path.pop()

    yield from walk(start)
