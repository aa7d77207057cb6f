"""What can go wrong."""


class GraphError(Exception):
    """A question that the graph cannot answer: a missing node, the wrong kind of graph."""


class CycleError(GraphError):
    """A cycle where there must not be one.

    Args:
        cycle: its nodes in order, the first one again at the end.
    """

    def __init__(self, cycle):
        super().__init__("cycle: " + " -> ".join(map(str, cycle)))
        self.cycle = cycle


class NegativeCycleError(GraphError):
    """A cycle of negative weight, so that no walk is the shortest."""


class NoPathError(GraphError):
    """Two nodes that are not connected."""
