import pytest
from graphs import Graph, GraphError


def test_nodes_keep_their_order():
    graph = Graph([("b", "a"), ("c", "b")])
    graph.add_node("d")
    graph.add_node("b")
    assert list(graph) == ["b", "a", "c", "d"]
    assert len(graph) == 4


def test_edges_of_a_directed_graph():
    graph = Graph([(1, 2), (2, 1, 5), (1, 1)])
    assert graph.edges() == [(1, 2, 1), (1, 1, 1), (2, 1, 5)]
    assert graph.has_edge(1, 2)
    assert not graph.has_edge(2, 2)
    assert not graph.has_edge(7, 8)


def test_edges_of_an_undirected_graph_come_once():
    graph = Graph([("a", "b", 3), ("c", "a", 4), ("b", "b", 5)], directed=False)
    assert graph.edges() == [("a", "b", 3), ("a", "c", 4), ("b", "b", 5)]
    assert graph.weight("b", "a") == 3


def test_adding_an_edge_again_changes_its_weight():
    graph = Graph([("a", "b", 3), ("a", "c")])
    graph.add_edge("a", "b", 9)
    assert graph.edges() == [("a", "b", 9), ("a", "c", 1)]


def test_degree_of_loops():
    assert Graph([("a", "a"), ("a", "b")], directed=False).degree("a") == 3
    assert Graph([("a", "a"), ("a", "b")]).degree("a") == 3


def test_predecessors_follow_changes():
    graph = Graph([("a", "c"), ("b", "c")])
    assert graph.predecessors("c") == ["a", "b"]
    graph.remove_edge("a", "c")
    assert graph.predecessors("c") == ["b"]
    graph.add_edge("d", "c")
    assert graph.predecessors("c") == ["b", "d"]


def test_remove_node():
    graph = Graph([("a", "b"), ("b", "c"), ("c", "a")])
    graph.remove_node("b")
    assert graph.edges() == [("c", "a", 1)]
    assert "b" not in graph


def test_copy_is_independent():
    graph = Graph([("a", "b")])
    other = graph.copy()
    other.add_edge("a", "c")
    assert graph.edges() == [("a", "b", 1)]
    assert graph != other


def test_reversed_and_subgraph():
    graph = Graph([("a", "b", 2), ("b", "c", 3), ("c", "a", 4)])
    assert graph.reversed().edges() == [("a", "c", 4), ("b", "a", 2), ("c", "b", 3)]
    assert graph.subgraph(["c", "b"]).edges() == [("b", "c", 3)]
    assert graph == Graph([("a", "b", 2), ("b", "c", 3), ("c", "a", 4)])


def test_what_is_missing():
    graph = Graph([("a", "b")])
    with pytest.raises(GraphError):
        graph.remove_edge("b", "a")
    with pytest.raises(GraphError):
        graph.weight("a", "z")
    with pytest.raises(GraphError):
        graph.neighbours("z")
    with pytest.raises(GraphError):
        graph.subgraph(["a", "z"])
