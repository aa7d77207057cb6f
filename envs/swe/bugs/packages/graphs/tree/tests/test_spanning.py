import pytest
from graphs import DisjointSets, Graph, GraphError, bridges, spanning_forest, two_colours

GRID = Graph([(1, 2, 4), (2, 3, 1), (3, 1, 2), (3, 4, 7), (5, 6, 1)], directed=False)


def test_disjoint_sets():
    sets = DisjointSets()
    assert sets.union("a", "b")
    assert sets.union("c", "b")
    assert not sets.union("a", "c")
    assert sets.find("a") == sets.find("c")
    assert sets.size("b") == 3
    assert sets.size("new") == 1


def test_spanning_forest():
    assert spanning_forest(GRID) == [(2, 3, 1), (5, 6, 1), (1, 3, 2), (3, 4, 7)]
    assert spanning_forest(GRID, largest=True) == [(3, 4, 7), (1, 2, 4), (1, 3, 2), (5, 6, 1)]
    with pytest.raises(GraphError):
        spanning_forest(Graph())


def test_equal_weights_keep_their_order():
    ring = Graph([("a", "b"), ("b", "c"), ("c", "a")], directed=False)
    assert spanning_forest(ring) == [("a", "b", 1), ("a", "c", 1)]
    assert spanning_forest(ring, largest=True) == [("a", "b", 1), ("a", "c", 1)]


def test_bridges():
    assert bridges(GRID) == [(3, 4), (5, 6)]
    assert bridges(Graph(directed=False)) == []


def test_two_colours():
    assert two_colours(GRID) is None
    assert two_colours(Graph([(1, 2), (2, 3), (4, 3)], directed=False)) == {1: 0, 2: 1, 3: 0, 4: 1}
