"""Hidden cases of graphs: order."""

import graphs
from cases.shared import acyclic, is_cycle, random
from graphs import Graph


def _cycle_error(function, graph):
    try:
        return function(graph)
    except graphs.CycleError as error:
        text = "cycle: " + " -> ".join(map(str, error.cycle))
        return ["cycle", is_cycle(graph, error.cycle), str(error) == text]


def case_topological_order():
    found = [graphs.topological_order(acyclic(seed, 2 + seed, 2 * seed)) for seed in range(16)]
    return found + [_cycle_error(graphs.topological_order, random(seed, 6, 6)) for seed in range(16)]


def case_layers():
    found = [graphs.layers(Graph()), graphs.topological_order(Graph())]
    found += [graphs.layers(acyclic(seed, 2 + seed, 2 * seed)) for seed in range(16)]
    return found + [_cycle_error(graphs.layers, random(seed, 5, 5)) for seed in range(10)]


def case_find_cycle():
    found = []
    for seed in range(40):
        graph = random(seed, 8, 6 + seed % 5, loops=seed % 4 == 0)
        found.append(is_cycle(graph, graphs.find_cycle(graph)))
    return found


def case_find_the_only_cycle():
    found = []
    for size in range(1, 7):
        ring = Graph([(node, (node + 1) % size) for node in range(size)])
        found.append([sorted(graphs.find_cycle(ring)[:-1]), _cycle_error(graphs.topological_order, ring)])
        ring.add_edge(size - 1, "after")
        found.append(sorted(graphs.find_cycle(ring)[:-1]))
        ring.add_edge("before", 0)
        found.append(sorted(graphs.find_cycle(ring)[:-1]))
    return found


def case_diamonds_are_no_cycles():
    diamonds = [(level, (level, side)) for level in range(22) for side in "lr"]
    diamonds += [((level, side), level + 1) for level in range(22) for side in "lr"]
    graph = Graph(diamonds)
    return [graphs.find_cycle(graph), len(graphs.topological_order(graph)), len(graphs.layers(graph))]


def case_long_chains():
    chain = Graph([(node, node + 1) for node in range(400)])
    both = Graph([(node, node + 1) for node in range(400)], directed=False)
    return [
        len(graphs.depth_first(chain, 0)),
        graphs.find_cycle(chain),
        len(graphs.layers(chain)),
        len(graphs.bridges(both)),
        len(graphs.components(both)),
        sum(graphs.two_colours(both).values()),
        graphs.shortest_path(chain, 0, 400)[0],
        graphs.critical_path(chain, {7: 2})[0],
    ]


def case_critical_path():
    found = []
    for seed in range(16):
        graph = acyclic(seed, 2 + seed, 2 * seed)
        durations = {node: (node * node * 13 + seed) % 17 + node / 64 for node in graph if node % 5 != 4}
        length, chain = graphs.critical_path(graph, durations)
        steps = list(zip(chain, chain[1:]))
        found.append(
            [
                length,
                sum(durations.get(node, 0) for node in chain) == length,
                all(graph.has_edge(*step) for step in steps),
                not graph.predecessors(chain[0]),
            ]
        )
    found.append(graphs.critical_path(Graph(), {}))
    found.append(graphs.critical_path(Graph([("a", "b")]), {}))
    found.append(graphs.critical_path(Graph([("a", "b"), ("c", "b")]), {"c": 2, "b": 1, "a": 1}))
    found.append(_cycle_error(lambda graph: graphs.critical_path(graph, {}), Graph([("a", "a")])))
    return found
