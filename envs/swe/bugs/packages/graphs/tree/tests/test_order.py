import pytest
from graphs import CycleError, Graph, GraphError, critical_path, find_cycle, layers, topological_order

BUILD = Graph(
    [("fetch", "compile"), ("compile", "link"), ("fetch", "docs"), ("docs", "pack"), ("link", "pack")]
)


def test_topological_order():
    assert topological_order(BUILD) == ["fetch", "compile", "link", "docs", "pack"]
    assert topological_order(Graph()) == []


def test_of_several_the_first_added_comes_first():
    graph = Graph([("z", "m"), ("a", "m")])
    graph.add_node("b")
    assert topological_order(graph) == ["z", "a", "m", "b"]


def test_topological_order_with_a_cycle():
    with pytest.raises(CycleError) as caught:
        topological_order(Graph([("a", "b"), ("b", "c"), ("c", "b")]))
    assert caught.value.cycle == ["b", "c", "b"]


def test_everything_on_a_cycle():
    with pytest.raises(CycleError) as caught:
        topological_order(Graph([("a", "b"), ("b", "a")]))
    assert str(caught.value) == "cycle: a -> b -> a"


def test_find_cycle():
    assert find_cycle(BUILD) is None
    assert find_cycle(Graph([("a", "a")])) == ["a", "a"]
    with pytest.raises(GraphError):
        find_cycle(Graph(directed=False))


def test_layers():
    assert layers(BUILD) == [["fetch"], ["compile", "docs"], ["link"], ["pack"]]
    assert layers(Graph()) == []


def test_layers_after_a_change():
    graph = Graph([("a", "b"), ("b", "c")])
    assert layers(graph) == [["a"], ["b"], ["c"]]
    graph.remove_edge("a", "b")
    assert layers(graph) == [["a", "b"], ["c"]]


def test_critical_path():
    durations = {"fetch": 2, "compile": 5, "link": 1, "docs": 7, "pack": 1}
    assert critical_path(BUILD, durations) == (10, ["fetch", "docs", "pack"])
    assert critical_path(Graph(), {}) == (0, [])
