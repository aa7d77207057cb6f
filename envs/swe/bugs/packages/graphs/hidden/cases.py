"""Hidden cases of graphs. What several answers are right for is checked here, not compared."""

import graphs
from graphs import DisjointSets, Graph
from judging import tried


def _numbers(seed):
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 8


def _random(seed, count, edges, *, directed=True, least=1, most=9, loops=True):
    numbers = _numbers(seed)
    graph = Graph(directed=directed)
    for node in range(count):
        graph.add_node(f"n{(node * 17) % count}")
    for _ in range(edges):
        source, target = next(numbers) % count, next(numbers) % count
        if loops or source != target:
            graph.add_edge(f"n{source}", f"n{target}", least + next(numbers) % (most - least + 1))
    return graph


def _acyclic(seed, count, edges):
    numbers = _numbers(seed)
    graph = Graph()
    for node in range(count):
        graph.add_node((node * 19) % count)
    for _ in range(edges):
        one, other = next(numbers) % count, next(numbers) % count
        if one != other:
            graph.add_edge(min(one, other), max(one, other))
    return graph


def _each(function, seeds=range(12), **kwargs):
    return [function(_random(seed, 3 + seed, 2 + 2 * seed, **kwargs)) for seed in seeds]


def _view(graph):
    return [graph.directed, list(graph), len(graph), graph.edges()]


def _is_cycle(graph, cycle):
    if cycle is None:
        return None
    steps = list(zip(cycle, cycle[1:]))
    return [
        cycle[0] == cycle[-1],
        len(set(cycle)) == len(steps) > 0,
        all(graph.has_edge(source, target) for source, target in steps),
    ]


def _cycle_error(function, graph):
    try:
        return function(graph)
    except graphs.CycleError as error:
        text = "cycle: " + " -> ".join(map(str, error.cycle))
        return ["cycle", _is_cycle(graph, error.cycle), str(error) == text]


def _path_length(graph, path):
    return sum(graph.weight(source, target) for source, target in zip(path, path[1:]))


def case_views():
    found = [_view(Graph()), _view(Graph(directed=False)), _view(Graph([("a", "b")]))]
    return found + _each(_view) + _each(_view, directed=False)


def case_neighbours():
    def all_of(graph):
        return [
            (node, graph.neighbours(node), graph.predecessors(node), graph.degree(node)) for node in graph
        ]

    return _each(all_of) + _each(all_of, directed=False)


def case_membership():
    graph = Graph([("a", "b"), (1, None)])
    edges = [("a", "b"), ("b", "a"), (1, None), (None, 1), ("z", "a"), ("a", "z")]
    return [
        [node in graph for node in ("a", "b", 1, None, "z", 2)],
        [graph.has_edge(*edge) for edge in edges],
    ]


def case_weights():
    found = []
    for directed in (True, False):
        graph = Graph([("a", "b", 2), ("b", "c", 0), ("c", "c", -4)], directed=directed)
        graph.add_edge("a", "b", 5)
        graph.add_edge("b", "a", 6)
        pairs = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("c", "c"), ("a", "c"), ("q", "a")]
        found.append([tried(graph.weight, *pair) for pair in pairs])
    return found


def case_missing_nodes():
    graph = Graph([("a", "b")])
    questions = [
        (graph.neighbours, "z"),
        (graph.predecessors, "z"),
        (graph.degree, "z"),
        (graph.remove_node, "z"),
        (graph.remove_edge, "b", "a"),
        (graph.remove_edge, "z", "a"),
        (graph.subgraph, ["a", "z"]),
        (graphs.breadth_first, graph, "z"),
        (graphs.depth_first, graph, "z"),
        (graphs.dijkstra, graph, "z"),
        (graphs.bellman_ford, graph, "z"),
        (graphs.shortest_path, graph, "a", "z"),
        (graphs.shortest_path, graph, "z", "a"),
        (graphs.max_flow, graph, "z", "a"),
        (graphs.max_flow, graph, "a", "z"),
        (graphs.min_cut, graph, "a", "z"),
    ]
    answers = [tried(function, *args) for function, *args in questions]
    answers += [tried(lambda: list(graphs.simple_paths(graph, "a", "z")))]
    answers += [tried(lambda: list(graphs.simple_paths(graph, "z", "a")))]
    return [*answers, _view(graph)]


def case_wrong_kind_of_graph():
    directed, undirected, empty = (
        Graph([("a", "b")]),
        Graph([("a", "b")], directed=False),
        Graph(directed=False),
    )
    return [
        tried(function, graph)
        for function in (
            graphs.topological_order,
            graphs.layers,
            graphs.find_cycle,
            graphs.spanning_forest,
            graphs.bridges,
            graphs.two_colours,
        )
        for graph in (directed, undirected, empty)
    ] + [tried(graphs.critical_path, undirected, {})]


def case_errors_are_graph_errors():
    names = ("CycleError", "NegativeCycleError", "NoPathError")
    return [issubclass(getattr(graphs, name), graphs.GraphError) for name in names]


def case_removals():
    found = []
    for directed in (True, False):
        for seed in range(10):
            graph = _random(seed, 6, 14, directed=directed)
            numbers = _numbers(seed + 50)
            for _ in range(5):
                edges = graph.edges()
                source, target, _ = edges[next(numbers) % len(edges)]
                graph.remove_edge(source, target)
                found.append([_view(graph), [graph.predecessors(node) for node in graph]])
            graph.remove_node("n3")
            found.append([_view(graph), [graph.predecessors(node) for node in graph]])
            graph.remove_node("n0")
            found.append([_view(graph), [graph.degree(node) for node in graph]])
    return found


def case_remove_loops():
    found = []
    for directed in (True, False):
        graph = Graph([("a", "a"), ("a", "b"), ("b", "b")], directed=directed)
        graph.remove_edge("a", "a")
        found.append(_view(graph))
        graph.remove_node("b")
        found.append(_view(graph))
    return found


def case_answers_follow_changes():
    found = []
    for change in range(6):
        graph = Graph([("a", "b"), ("b", "c"), ("a", "d")])
        before = [graph.predecessors(node) for node in graph]
        if change == 0:
            graph.add_edge("d", "b")
        elif change == 1:
            graph.add_edge("d", "new")
        elif change == 2:
            graph.remove_edge("a", "b")
        elif change == 3:
            graph.remove_node("b")
        elif change == 4:
            graph.add_node("alone")
        else:
            graph.add_edge("a", "b", 9)
        after = [(node, graph.predecessors(node), graph.degree(node)) for node in graph]
        found.append(
            [before, after, graphs.layers(graph), graphs.components(graph), graph.reversed().edges()]
        )
    return found


def case_build_shrinks_to_nothing():
    graph = _acyclic(3, 9, 20)
    found = []
    while graph.edges():
        found.append([graphs.topological_order(graph), graphs.layers(graph)])
        source, target, _ = graph.edges()[0]
        graph.remove_edge(source, target)
    return found


def case_answers_are_not_the_graph_itself():
    graph = Graph([("a", "b"), ("c", "b")])
    graph.neighbours("a").append("x")
    graph.predecessors("b").append("x")
    graph.predecessors("b").clear()
    graph.edges().clear()
    return [_view(graph), graph.predecessors("b"), graph.neighbours("a")]


def case_copies_are_independent():
    found = []
    for directed in (True, False):
        graph = Graph([("a", "b", 2), ("b", "c", 3), ("c", "c", 1)], directed=directed)
        graph.predecessors("b")
        other = graph.copy()
        same = [graph == other, other == graph, graph != other]
        other.add_edge("a", "b", 7)
        other.add_edge("a", "c")
        other.remove_edge("b", "c")
        found.append([same, _view(graph), _view(other), graph == other])
        graph.remove_node("a")
        graph.add_edge("d", "c")
        found.append([_view(graph), _view(other), other.predecessors("c"), graph.predecessors("c")])
    return found


def case_equality():
    graph = Graph([("a", "b")])
    return [
        graph == Graph([("a", "b")]),
        graph == Graph([("a", "b", 2)]),
        graph == Graph([("b", "a")]),
        Graph([("a", "b")], directed=False) == Graph([("b", "a")], directed=False),
        Graph([("a", "b"), ("b", "a")]) == Graph([("b", "a")], directed=False),
        graph == 3,
        graph != "graph",
        tried(hash, graph),
    ]


def case_reversed():
    return _each(lambda graph: _view(graph.reversed())) + _each(
        lambda graph: _view(graph.reversed()), directed=False
    )


def case_subgraphs():
    def part(graph):
        return [_view(graph.subgraph([f"n{node}" for node in range(2, size)])) for size in (2, 3)]

    return _each(part) + _each(part, directed=False)


def case_breadth_first():
    def from_all(graph):
        return [[graphs.breadth_first(graph, node), graphs.hops(graph, node)] for node in graph]

    return _each(from_all) + _each(from_all, directed=False)


def case_depth_first():
    def from_all(graph):
        return [graphs.depth_first(graph, node) for node in graph]

    return _each(from_all) + _each(from_all, directed=False)


def case_components():
    sparse = [_random(seed, 12, 2 + seed, directed=bool(seed % 2)) for seed in range(14)]
    return [graphs.components(graph) for graph in [Graph(), *sparse]]


def case_simple_paths():
    found = []
    for seed in range(8):
        graph = _random(seed, 6, 14, directed=seed % 3 != 0)
        for longest in (None, 0, 1, 2, 3):
            found.append(list(graphs.simple_paths(graph, "n1", "n4", longest)))
        found.append(list(graphs.simple_paths(graph, "n2", "n2")))
    return found


def case_simple_paths_one_by_one():
    graph = _random(4, 6, 16)
    paths = graphs.simple_paths(graph, "n0", "n5")
    first = next(paths, None)
    second = next(graphs.simple_paths(graph, "n0", "n5"), None)
    if first:
        first.clear()
    return [second, list(paths)]


def case_topological_order():
    found = [graphs.topological_order(_acyclic(seed, 2 + seed, 2 * seed)) for seed in range(16)]
    return found + [_cycle_error(graphs.topological_order, _random(seed, 6, 6)) for seed in range(16)]


def case_layers():
    found = [graphs.layers(Graph()), graphs.topological_order(Graph())]
    found += [graphs.layers(_acyclic(seed, 2 + seed, 2 * seed)) for seed in range(16)]
    return found + [_cycle_error(graphs.layers, _random(seed, 5, 5)) for seed in range(10)]


def case_find_cycle():
    found = []
    for seed in range(40):
        graph = _random(seed, 8, 6 + seed % 5, loops=seed % 4 == 0)
        found.append(_is_cycle(graph, graphs.find_cycle(graph)))
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
        graph = _acyclic(seed, 2 + seed, 2 * seed)
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
        found += _each(lambda graph: _checked_paths(graph, graphs.dijkstra), directed=directed)
        found += _each(lambda graph: _checked_paths(graph, graphs.dijkstra), directed=directed, most=40)
    return found


def case_dijkstra_order():
    def order(graph):
        distances, before = graphs.dijkstra(graph, "n1")
        return [list(distances.values()) == sorted(distances.values()), list(before) == list(distances)]

    return _each(order) + _each(order, least=0)


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


def case_nodes_of_many_types():
    graph = Graph(
        [(1, "b", 1), (1, None, 1), (1, (2, 3), 1), ("b", "end", 1), (None, "end", 1), ((2, 3), "end", 1)]
    )
    return [
        graphs.dijkstra(graph, 1)[0],
        graphs.topological_order(graph),
        graphs.layers(graph),
        graphs.max_flow(graph, 1, "end")[0],
        graphs.components(graph),
    ]


def case_bellman_ford():
    found = []
    for seed in range(30):
        graph = _random(seed, 7, 6 + seed // 2, least=-2, most=9)
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
        graph = _random(seed, 8, 14, least=least, directed=least < 0 or seed % 2 == 0)
        for end in ("n0", "n3", "n5"):
            answer = tried(graphs.shortest_path, graph, "n2", end)
            if answer[0] != "raised":
                length, path = answer
                answer = [length, path[0], path[-1], _path_length(graph, path) == length]
            found.append(answer)
    return found


def case_disjoint_sets():
    numbers = _numbers(9)
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
        graph = _random(seed, 4 + seed % 7, 4 + seed, directed=False, most=3 + seed % 5)
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
        graph = _random(seed, 9, 5 + seed % 9, directed=False)
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
        graph = _random(seed, 9, 3 + seed % 7, directed=False, loops=seed % 5 == 0)
        found.append(graphs.two_colours(graph))
    for size in range(1, 8):
        found.append(
            graphs.two_colours(Graph([(node, (node + 1) % size) for node in range(size)], directed=False))
        )
    late = Graph([("a", "b"), ("c", "d"), ("d", "e"), ("e", "c")], directed=False)
    return [*found, graphs.two_colours(late)]


def _checked_flow(graph, source, sink):
    value, flow = graphs.max_flow(graph, source, sink)
    balance = dict.fromkeys(graph, 0)
    for (node, target), amount in flow.items():
        balance[node] -= amount
        balance[target] += amount
    kept = [balance[node] for node in graph if node not in (source, sink)]
    within = [0 < amount <= graph.weight(*edge) for edge, amount in flow.items()]
    one_way = [(target, node) not in flow for node, target in flow]
    side, edges = graphs.min_cut(graph, source, sink)
    cut = sum(graph.weight(*edge) for edge in edges)
    return [value, balance[sink], any(kept), all(within), all(one_way), side, edges, cut == value]


def case_max_flow():
    found = []
    for seed in range(30):
        graph = _random(seed, 4 + seed % 5, 6 + seed, directed=seed % 4 != 3, least=0)
        found.append(_checked_flow(graph, "n0", "n1"))
        found.append(_checked_flow(graph, "n2", "n0"))
    return found


def case_flow_both_ways():
    pairs = [
        ("s", "a", 3),
        ("a", "s", 2),
        ("a", "b", 4),
        ("b", "a", 4),
        ("b", "t", 5),
        ("t", "b", 9),
        ("s", "b", 1),
    ]
    found = []
    for turn in range(len(pairs)):
        graph = Graph(pairs[turn:] + pairs[:turn])
        found.append(
            [_checked_flow(graph, *ends) for ends in (("s", "t"), ("t", "s"), ("a", "b"), ("b", "a"))]
        )
    return found


def case_flow_is_sent_back():
    graph = Graph([("s", "a", 1), ("s", "b", 1), ("a", "b", 1), ("a", "t", 1), ("b", "t", 1)])
    crossed = Graph(
        [("s", "a", 1), ("a", "d", 1), ("d", "t", 1), ("s", "b", 1), ("b", "c", 1), ("c", "d", 1)]
    )
    crossed.add_edge("a", "e", 1)
    crossed.add_edge("e", "f", 1)
    crossed.add_edge("f", "t", 1)
    return [
        _checked_flow(graph, "s", "t"),
        _checked_flow(crossed, "s", "t"),
        graphs.max_flow(crossed, "s", "t"),
    ]


def case_flow_of_fractions_and_loops():
    graph = Graph([("s", "s", 4), ("s", "a", 0.5), ("a", "a", 1), ("a", "t", 0.75), ("s", "t", 0)])
    return [
        graphs.max_flow(graph, "s", "t"),
        graphs.min_cut(graph, "s", "t"),
        graphs.max_flow(graph, "t", "s"),
    ]


def case_bad_flows():
    graph = Graph([("s", "a", 2), ("a", "t", -1), ("x", "y", 3)])
    fine = Graph([("s", "a", 2)])
    fine.add_node("t")
    return [
        tried(graphs.max_flow, graph, "s", "t"),
        tried(graphs.min_cut, graph, "x", "y"),
        tried(graphs.max_flow, fine, "s", "s"),
        graphs.max_flow(fine, "s", "t"),
        graphs.min_cut(fine, "s", "t"),
    ]


def case_graphs_are_left_as_they_are():
    graph = _random(5, 7, 16, least=0)
    graph.remove_node("n6")
    before = _view(graph)
    graphs.max_flow(graph, "n0", "n1")
    graphs.min_cut(graph, "n0", "n1")
    graphs.components(graph)
    graphs.dijkstra(graph, "n0")
    graphs.bellman_ford(graph, "n0")
    graphs.find_cycle(graph)
    graph.reversed().add_edge("n0", "q")
    graph.subgraph(["n0", "n1"]).add_edge("n1", "n0", 77)
    return before == _view(graph)
