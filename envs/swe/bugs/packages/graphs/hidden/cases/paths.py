"""Hidden cases of graphs: paths."""

import graphs
from cases.shared import each, random
from graphs import Graph
from judging import tried


def _path_length(graph, path):
    return sum(graph.weight(source, target) for source, target in zip(path, path[1:]))


def _checked_paths(graph, function):
    found = []
    for start in list(graph)[:4]:
        distances, before = function(graph, start)
        found.append([start, sorted(distances.items()), sorted(before) == sorted(distances)])
        found.append(before[start])
        for node, parent in before.items():
            if node != start:
                found.append(distances[parent] + graph.weight(parent, node) == distances[node])
    return found


def case_dijkstra():
    found = []
    for directed in (True, False):
        found += each(lambda graph: _checked_paths(graph, graphs.dijkstra), directed=directed)
        found += each(lambda graph: _checked_paths(graph, graphs.dijkstra), directed=directed, most=40)
    return found


def case_dijkstra_order():
    def order(graph):
        distances, before = graphs.dijkstra(graph, "n1")
        return [list(distances.values()) == sorted(distances.values()), list(before) == list(distances)]

    return each(order) + each(order, least=0)


def case_dijkstra_zero_and_fractions():
    graph = Graph([("a", "b", 0), ("b", "c", 0.25), ("a", "c", 0.5), ("c", "a", 0), ("c", "d", 1.5)])
    return [
        graphs.dijkstra(graph, "a"),
        graphs.shortest_path(graph, "c", "d"),
        graphs.shortest_path(graph, "a", "c"),
    ]


def case_dijkstra_negative():
    graph = Graph([("a", "b", 1), ("c", "d", -1), ("b", "e", 0)])
    return [tried(graphs.dijkstra, graph, "a"), tried(graphs.dijkstra, graph, "c")]


def case_bellman_ford():
    found = []
    for seed in range(30):
        graph = random(seed, 7, 6 + seed // 2, least=-2, most=9)
        found.append(tried(_checked_paths, graph, graphs.bellman_ford))
    return found


def case_bellman_ford_order():
    found = []
    for size in range(1, 8):
        chain = Graph([(node, node - 1, -node) for node in range(size, 0, -1)])
        backward = Graph()
        for node in range(size + 1):
            backward.add_node(node)
        for node in range(size, 0, -1):
            backward.add_edge(node, node - 1, -node)
        found += [graphs.bellman_ford(chain, size), graphs.bellman_ford(backward, size)]
    return [*found, graphs.bellman_ford(Graph([("a", "b", 5)]), "b")]


def case_negative_cycles():
    found = []
    for size in range(1, 6):
        for weight in (-2, -1, 0, 1):
            ring = Graph([(node, (node + 1) % size, 0) for node in range(size)])
            ring.add_edge(size - 1, 0, weight)
            ring.add_edge("in", 0, 3)
            ring.add_edge(0, "out", -3)
            for start in (0, "in", "out"):
                found.append(tried(lambda ring, start: graphs.bellman_ford(ring, start)[0], ring, start))
            found.append(tried(lambda ring: graphs.shortest_path(ring, "in", "out")[0], ring))
    found.append(tried(graphs.bellman_ford, Graph([("a", "b", -1)], directed=False), "a"))
    return found


def case_shortest_path():
    found = [tried(graphs.shortest_path, Graph([("a", "b", -1), ("b", "c", -2)]), "a", "c")]
    for seed in range(24):
        least = 0 if seed % 3 else -1
        graph = random(seed, 8, 14, least=least, directed=least < 0 or seed % 2 == 0)
        for end in ("n0", "n3", "n5"):
            answer = tried(graphs.shortest_path, graph, "n2", end)
            if answer[0] != "raised":
                length, path = answer
                answer = [length, path[0], path[-1], _path_length(graph, path) == length]
            found.append(answer)
    return found
