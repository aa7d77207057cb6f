"""Hidden cases of graphs: spanning."""

import graphs
from cases.shared import numbers_from, random
from graphs import DisjointSets, Graph


def case_disjoint_sets():
    numbers = numbers_from(9)
    sets = DisjointSets()
    found = []
    for _ in range(60):
        one, other = next(numbers) % 25, next(numbers) % 25
        joined = sets.union(one, other)
        same = [sets.find(item) == sets.find(one) for item in range(25)]
        found.append([joined, sets.size(one), sets.size(other), same])
    return [*found, sets.size("fresh"), sets.find("other"), sets.union(3, 3)]


def case_spanning_forest():
    found = []
    for seed in range(20):
        graph = random(seed, 4 + seed % 7, 4 + seed, directed=False, most=3 + seed % 5)
        found += [graphs.spanning_forest(graph), graphs.spanning_forest(graph, largest=True)]
    return found


def case_spanning_forest_ties():
    full = Graph([(one, other) for one in "dbca" for other in "dbca" if one < other], directed=False)
    weighted = Graph([(1, 2, 5), (3, 4, 5), (2, 3, 5), (4, 1, 5), (1, 3, 6), (2, 4, 6)], directed=False)
    return [
        graphs.spanning_forest(graph, largest=largest)
        for graph in (full, weighted)
        for largest in (False, True)
    ]


def case_bridges():
    found = [graphs.bridges(Graph(directed=False))]
    for seed in range(40):
        graph = random(seed, 9, 5 + seed % 9, directed=False)
        found.append(graphs.bridges(graph))
    return found


def case_bridges_of_rings():
    found = []
    for size in range(2, 6):
        graph = Graph([(node, node + 1) for node in range(size)], directed=False)
        graph.add_edge(size, 0)
        graph.add_edge(1, "tail")
        graph.add_edge("tail", "tip")
        graph.add_edge("tip", "tip")
        found.append(graphs.bridges(graph))
    return found


def case_two_colours():
    found = []
    for seed in range(40):
        graph = random(seed, 9, 3 + seed % 7, directed=False, loops=seed % 5 == 0)
        found.append(graphs.two_colours(graph))
    for size in range(1, 8):
        found.append(
            graphs.two_colours(Graph([(node, (node + 1) % size) for node in range(size)], directed=False))
        )
    late = Graph([("a", "b"), ("c", "d"), ("d", "e"), ("e", "c")], directed=False)
    return [*found, graphs.two_colours(late)]
