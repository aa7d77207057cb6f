"""Hidden cases of graphs: graph."""

import graphs
from cases.shared import acyclic, each, numbers_from, random
from graphs import Graph
from judging import tried


def _view(graph):
    return [graph.directed, list(graph), len(graph), graph.edges()]


def case_views():
    found = [_view(Graph()), _view(Graph(directed=False)), _view(Graph([("a", "b")]))]
    return found + each(_view) + each(_view, directed=False)


def case_neighbours():
    def all_of(graph):
        return [
            (node, graph.neighbours(node), graph.predecessors(node), graph.degree(node)) for node in graph
        ]

    return each(all_of) + each(all_of, directed=False)


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
            graph = random(seed, 6, 14, directed=directed)
            numbers = numbers_from(seed + 50)
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
    graph = acyclic(3, 9, 20)
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
    return each(lambda graph: _view(graph.reversed())) + each(
        lambda graph: _view(graph.reversed()), directed=False
    )


def case_subgraphs():
    def part(graph):
        return [_view(graph.subgraph([f"n{node}" for node in range(2, size)])) for size in (2, 3)]

    return each(part) + each(part, directed=False)


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


def case_graphs_are_left_as_they_are():
    graph = random(5, 7, 16, least=0)
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
