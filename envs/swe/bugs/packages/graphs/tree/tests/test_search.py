import pytest
from graphs import Graph, GraphError, breadth_first, components, depth_first, hops, simple_paths

TREE = Graph([("root", "left"), ("root", "right"), ("left", "low"), ("right", "low"), ("low", "end")])


def test_breadth_first():
    assert breadth_first(TREE, "root") == ["root", "left", "right", "low", "end"]


def test_depth_first():
    assert depth_first(TREE, "root") == ["root", "left", "low", "end", "right"]


def test_hops():
    assert hops(TREE, "root") == {"root": 0, "left": 1, "right": 1, "low": 2, "end": 3}
    assert hops(TREE, "end") == {"end": 0}
    with pytest.raises(GraphError):
        hops(TREE, "nowhere")


def test_components():
    graph = Graph([("a", "b"), ("c", "d"), ("e", "b")])
    graph.add_node("alone")
    assert components(graph) == [["a", "b", "e"], ["c", "d"], ["alone"]]


def test_simple_paths():
    assert list(simple_paths(TREE, "root", "end")) == [
        ["root", "left", "low", "end"],
        ["root", "right", "low", "end"],
    ]
    assert list(simple_paths(TREE, "root", "end", longest=2)) == []
    assert list(simple_paths(TREE, "root", "root")) == [["root"]]
