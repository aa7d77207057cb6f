"""Graphs and the classic algorithms on them."""

from .errors import CycleError, GraphError, NegativeCycleError, NoPathError
from .flow import max_flow, min_cut
from .graph import Graph
from .order import critical_path, find_cycle, layers, topological_order
from .paths import bellman_ford, dijkstra, shortest_path
from .search import breadth_first, components, depth_first, hops, simple_paths
from .spanning import DisjointSets, bridges, spanning_forest, two_colours

__all__ = [
    "CycleError",
    "DisjointSets",
    "Graph",
    "GraphError",
    "NegativeCycleError",
    "NoPathError",
    "bellman_ford",
    "breadth_first",
    "bridges",
    "components",
    "critical_path",
    "depth_first",
    "dijkstra",
    "find_cycle",
    "hops",
    "layers",
    "max_flow",
    "min_cut",
    "shortest_path",
    "simple_paths",
    "spanning_forest",
    "topological_order",
    "two_colours",
]
