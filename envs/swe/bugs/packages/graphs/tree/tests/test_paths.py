import pytest
from graphs import Graph, GraphError, NegativeCycleError, NoPathError, bellman_ford, dijkstra, shortest_path

ROADS = Graph([("a", "b", 7), ("a", "c", 3), ("c", "b", 1), ("b", "d", 2), ("c", "d", 8)])


def test_dijkstra():
    distances, before = dijkstra(ROADS, "a")
    assert distances == {"a": 0, "c": 3, "b": 4, "d": 6}
    assert list(distances) == ["a", "c", "b", "d"]
    assert before == {"a": None, "c": "a", "b": "c", "d": "b"}


def test_dijkstra_refuses_negative_weights():
    with pytest.raises(GraphError):
        dijkstra(Graph([("a", "b", -1)]), "a")


def test_shortest_path():
    assert shortest_path(ROADS, "a", "d") == (6, ["a", "c", "b", "d"])
    assert shortest_path(ROADS, "d", "d") == (0, ["d"])
    with pytest.raises(NoPathError):
        shortest_path(ROADS, "d", "a")
    with pytest.raises(GraphError):
        shortest_path(ROADS, "a", "z")


def test_shortest_path_with_negative_weights():
    graph = Graph([("a", "b", 4), ("a", "c", 5), ("c", "b", -3)])
    assert shortest_path(graph, "a", "b") == (2, ["a", "c", "b"])


def test_bellman_ford():
    graph = Graph([("c", "d", 2), ("b", "c", -2), ("a", "b", 3)])
    distances, before = bellman_ford(graph, "a")
    assert distances == {"c": 1, "d": 3, "b": 3, "a": 0}
    assert before == {"c": "b", "d": "c", "b": "a", "a": None}


def test_negative_cycle():
    graph = Graph([("a", "b", 1), ("b", "c", -3), ("c", "b", 1), ("z", "a", 1)])
    with pytest.raises(NegativeCycleError):
        bellman_ford(graph, "a")
    assert bellman_ford(Graph([("a", "b"), ("c", "d", -3), ("d", "c", 1)]), "a")[0] == {"a": 0, "b": 1}
