"""The graph of a batch: states of a prompt group are nodes, turns are edges.

Shapes: _N rows (turns), _V nodes, _G prompt groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..table.columns import FloatArray, IntArray, combine, factorise
from ..table.table import TurnTable


@dataclass(frozen=True, slots=True)
class StateGraph:
    """Where each turn starts and ends, as nodes; every prompt group has one goal node."""

    start_N: IntArray
    end_N: IntArray
    group_V: IntArray  # the prompt group of each node; goal nodes come last, one a group
    num_groups: int

    @classmethod
    def of(cls, table: TurnTable, method: str) -> StateGraph:
        """Build the graph; the last turn of a solved trajectory ends in its group's goal.

        Raises:
            TableError: if state_key or next_state_key is missing, or success is unknown.
        """
        keys_N, next_N = table.column("state_key", method), table.column("next_state_key", method)
        state, _ = factorise(np.concatenate([keys_N, next_N]))
        group = np.concatenate([table.group, table.group])
        node = combine(group, state)
        num_states = int(node.max(initial=-1)) + 1
        group_V = np.zeros(num_states, dtype=np.int64)
        group_V[node] = group
        start_N, end_N = node[: len(table)], node[len(table) :]
        goal_N = num_states + table.group
        end_N = np.where(table.is_last & table.solved(method), goal_N, end_N)
        return cls(start_N, end_N, np.append(group_V, np.arange(table.num_groups)), table.num_groups)

    def distances(self) -> FloatArray:
        """Return the number of turns on the shortest known way to the goal [V].

        A node from which no way is known has the largest finite distance of
        its group plus 1. Linear in turns and nodes (breadth first from the goals).
        """
        num_nodes = self.group_V.size
        order = np.argsort(self.end_N, kind="stable")
        into = self.start_N[order].tolist()
        first = np.searchsorted(self.end_N[order], np.arange(num_nodes + 1)).tolist()
        distance = [-1] * num_nodes
        queue = list(range(num_nodes - self.num_groups, num_nodes))
        for goal in queue:
            distance[goal] = 0
        for node in queue:
            beyond = distance[node] + 1
            for previous in into[first[node] : first[node + 1]]:
                if distance[previous] < 0:
                    distance[previous] = beyond
                    queue.append(previous)
        known_V = np.array(distance, dtype=np.float64)
        farthest_G = np.zeros(self.num_groups)
        np.maximum.at(farthest_G, self.group_V, known_V)
        return np.where(known_V >= 0, known_V, farthest_G[self.group_V] + 1)
