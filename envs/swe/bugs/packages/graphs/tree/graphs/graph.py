"""The graph: nodes in the order of their adding, and for each node its outgoing edges."""

from .errors import GraphError


class Graph:
    """A simple weighted graph.

    Args:
        edges: tuples (source, target) or (source, target, weight) to begin with.
        directed: whether an edge leads one way only.
    """

    def __init__(self, edges=(), *, directed=True):
        self.directed = directed
        self._out = {}
        self._incoming = None  # made when it is asked for, dropped with every change
        for edge in edges:
            self.add_edge(*edge)

    def __len__(self):
        return len(self._out)

    def __contains__(self, node):
        return node in self._out

    def __iter__(self):
        return iter(self._out)

    def __eq__(self, other):
        if not isinstance(other, Graph):
            return NotImplemented
        return self.directed == other.directed and self._out == other._out

    def add_node(self, node):
        """Add a node; one that is there already stays as it is."""
        if node not in self._out:
            self._out[node] = {}
            self._incoming = None

    def add_edge(self, source, target, weight=1):
        """Add an edge and the nodes that it needs; an edge that is there gets the new weight."""
        self.add_node(source)
        self.add_node(target)
        self._out[source][target] = weight
        if not self.directed:
            self._out[target][source] = weight
        self._incoming = None

    def remove_edge(self, source, target):
        """Remove an edge, and leave its nodes.

        Raises:
            GraphError: if there is no such edge.
        """
        if not self.has_edge(source, target):
            raise GraphError(f"no edge from {source!r} to {target!r}")
        del self._out[source][target]
        if not self.directed and source != target:
            del self._out[target][source]
        self._incoming = None

    def remove_node(self, node):
        """Remove a node and every edge that begins or ends there.

        Raises:
            GraphError: if there is no such node.
        """
        for source in self.predecessors(node):
            del self._out[source][node]
        del self._out[node]
        self._incoming = None

    def has_edge(self, source, target):
        """Say whether an edge leads from one node to the other; nodes need not exist."""
        return target in self._out.get(source, {})

    def weight(self, source, target):
        """Return the weight of an edge.

        Raises:
            GraphError: if there is no such edge.
        """
        if not self.has_edge(source, target):
            raise GraphError(f"no edge from {source!r} to {target!r}")
        return self._out[source][target]

    def neighbours(self, node):
        """Return the nodes that edges lead to, in the order of adding.

        Raises:
            GraphError: if there is no such node.
        """
        return list(self._edges_of(node))

    def predecessors(self, node):
        """Return the nodes that an edge leads from to this one, in the order of the nodes.

        Raises:
            GraphError: if there is no such node.
        """
        self._edges_of(node)
        if self._incoming is None:
            self._incoming = {target: [] for target in self._out}
            for source, targets in self._out.items():
                for target in targets:
                    self._incoming[target].append(source)
        return list(self._incoming[node])

    def degree(self, node):
        """Count the ends of edges at a node: an edge from a node to itself has both ends there.

        Raises:
            GraphError: if there is no such node.
        """
        if self.directed:
            return len(self._edges_of(node)) + len(self.predecessors(node))
        return len(self._edges_of(node)) + (node in self._out[node])

    def edges(self):
        """Return every edge once as (source, target, weight), in the order of their sources."""
        found = []
        done = set()
        for source, targets in self._out.items():
            for target, weight in targets.items():
                if self.directed or target not in done:
                    found.append((source, target, weight))
            done.add(source)
        return found

    def copy(self):
        """Return a graph with the same nodes and edges; changes to one do not touch the other."""
        other = Graph(directed=self.directed)
        other._out = {node: dict(targets) for node, targets in self._out.items()}
        return other

    def reversed(self):
        """Return a graph whose edges lead the other way; the order of the nodes stays."""
        other = Graph(directed=self.directed)
        for node in self._out:
            other.add_node(node)
        for source, target, weight in self.edges():
            other.add_edge(target, source, weight)
        return other

    def subgraph(self, nodes):
        """Return the graph of the given nodes, and of the edges that lie wholly among them.

        Raises:
            GraphError: if one of the nodes is not there.
        """
        wanted = set(nodes)
        for node in wanted:
            self._edges_of(node)
        other = Graph(directed=self.directed)
        for node in self._out:
            if node in wanted:
                other.add_node(node)
        for source, target, weight in self.edges():
            if source in wanted and target in wanted:
                other.add_edge(source, target, weight)
        return other

    def _edges_of(self, node):
        if node not in self._out:
            raise GraphError(f"no node {node!r}")
        return self._out[node]
