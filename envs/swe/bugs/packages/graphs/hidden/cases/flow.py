"""Hidden cases of graphs: flow."""

import graphs
from cases.shared import random
from graphs import Graph
from judging import tried


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
        graph = random(seed, 4 + seed % 5, 6 + seed, directed=seed % 4 != 3, least=0)
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
