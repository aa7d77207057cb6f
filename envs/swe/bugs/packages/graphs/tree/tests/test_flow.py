import pytest
from graphs import Graph, GraphError, max_flow, min_cut

PIPES = Graph([("s", "a", 4), ("s", "b", 2), ("a", "b", 3), ("a", "t", 1), ("b", "t", 6)])


def test_max_flow():
    value, flow = max_flow(PIPES, "s", "t")
    assert value == 6
    assert flow == {("s", "a"): 4, ("s", "b"): 2, ("a", "b"): 3, ("a", "t"): 1, ("b", "t"): 5}


def test_min_cut():
    assert min_cut(PIPES, "s", "t") == (["s"], [("s", "a"), ("s", "b")])


def test_streets_in_both_directions():
    streets = Graph([("s", "a", 3), ("a", "t", 3), ("t", "a", 2)])
    assert max_flow(streets, "s", "t")[0] == 3
    assert max_flow(Graph([("s", "t", 5)], directed=False), "t", "s") == (5, {("t", "s"): 5})


def test_nothing_flows():
    assert max_flow(Graph([("t", "s", 3)]), "s", "t") == (0, {})


def test_bad_questions():
    with pytest.raises(GraphError):
        max_flow(PIPES, "s", "s")
    with pytest.raises(GraphError):
        max_flow(Graph([("s", "t", -1)]), "s", "t")
    with pytest.raises(GraphError):
        min_cut(PIPES, "s", "nowhere")
