"""Hidden cases of graphs: search."""

import graphs
from cases.shared import each, random
from graphs import Graph


def case_breadth_first():
    def from_all(graph):
        return [[graphs.breadth_first(graph, node), graphs.hops(graph, node)] for node in graph]

    return each(from_all) + each(from_all, directed=False)


def case_depth_first():
    def from_all(graph):
        return [graphs.depth_first(graph, node) for node in graph]

    return each(from_all) + each(from_all, directed=False)


def case_components():
    sparse = [random(seed, 12, 2 + seed, directed=bool(seed % 2)) for seed in range(14)]
    return [graphs.components(graph) for graph in [Graph(), *sparse]]


def case_simple_paths():
    found = []
    for seed in range(8):
        graph = random(seed, 6, 14, directed=seed % 3 != 0)
        for longest in (None, 0, 1, 2, 3):
            found.append(list(graphs.simple_paths(graph, "n1", "n4", longest)))
        found.append(list(graphs.simple_paths(graph, "n2", "n2")))
    return found


def case_simple_paths_one_by_one():
    graph = random(4, 6, 16)
    paths = graphs.simple_paths(graph, "n0", "n5")
    first = next(paths, None)
    second = next(graphs.simple_paths(graph, "n0", "n5"), None)
    if first:
        first.clear()
    return [second, list(paths)]
