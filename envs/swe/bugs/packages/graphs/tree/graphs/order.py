"""Orders of directed graphs, and the cycles that forbid them."""

import heapq

from .errors import CycleError, GraphError


def topological_order(graph):
    """Return the nodes so that every edge leads forward.

    Of the nodes that could come next, the one that was added first does.

    Raises:
        CycleError: if there is a cycle.
        GraphError: if the graph is not directed.
    """
    _directed(graph)
    place = {node: index for index, node in enumerate(graph)}
    nodes = list(graph)
    missing = {node: len(graph.predecessors(node)) for node in graph}
    ready = [place[node] for node in graph if not missing[node]]
    order = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        order.append(node)
        for target in graph.neighbours(node):
            missing[target] -= 1
            if not missing[target]:
                heapq.heappush(ready, place[target])
    if len(order) < len(graph):
        raise CycleError(find_cycle(graph))
    return order


def layers(graph):
    """Return lists of nodes, each node in the first list after all of its predecessors.

    Raises:
        CycleError: if there is a cycle.
        GraphError: if the graph is not directed.
    """
    depth = {}
    for node in topological_order(graph):
        depth[node] = max((depth[source] + 1 for source in graph.predecessors(node)), default=0)
    found = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in graph:
        found[depth[node]].append(node)
    return found


def find_cycle(graph):
    """Return the nodes of a cycle, the first one again at the end, or None.

    Raises:
        GraphError: if the graph is not directed.
    """
    _directed(graph)
    finished = set()
    for start in graph:
        if start in finished:
            continue
        path = [start]
        pending = [iter(graph.neighbours(start))]
        while path:
            target = next(pending[-1], None)
            if target is None:
                finished.add(path.pop())
                pending.pop()
            elif target in path:
                return [*path[path.index(target) :], target]
            elif target not in finished:
                path.append(target)
                pending.append(iter(graph.neighbours(target)))
    return None


def critical_path(graph, durations):
    """Return the length of the longest chain of nodes, and that chain.

    Args:
        graph: an edge says that the source must be done before the target begins.
        durations: how long each node takes; one that is not named takes no time.

    Raises:
        CycleError: if there is a cycle.
        GraphError: if the graph is not directed.
    """
    until = {}
    before = {}
    for node in topological_order(graph):
        sources = graph.predecessors(node)
        before[node] = max(sources, key=until.__getitem__, default=None)
        begin = until[before[node]] if sources else 0
        until[node] = begin + durations.get(node, 0)
    if not until:
        return 0, []
    last = max(graph, key=until.__getitem__)
    length = until[last]
    chain = [last]
    while graph.predecessors(last):
        last = before[last]
        chain.append(last)
    return length, chain[::-1]


def _directed(graph):
    if not graph.directed:
        raise GraphError("this needs a directed graph")
