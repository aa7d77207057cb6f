"""Segment policy optimization on trees: what a stretch between two forks added.

Shapes: _N rows (turns), _S segments (stretches of turns between forks), _M trajectories.
"""

from __future__ import annotations

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import average, moments, standardise
from ...statistics.scores import Mode
from ...table.columns import IntArray, combine
from ...table.table import TurnTable


@register(
    "spo_tree",
    source=Source(
        "Segment policy optimization (SPO-tree)",
        "arXiv 2505.23564",
        exact="golden",
        how="the edges of a tree, both kinds",
        note="the release cuts a response every so many tokens and continues each stretch as often; "
        "here a tree has the shape that the rollout plan gave it, and a stretch ends at a fork",
    ),
)
def spo_tree(table: TurnTable, *, mode: Mode = "mean", epsilon: float = 1e-8) -> Credit:
    """Give every turn the value of its segment less that of the state it began in.

    Segment policy optimization, tree form, arXiv 2505.23564, as in the published code. A segment
    is the turns from one fork to the next, or to the end. Its value is the mean of what follows it: its
    branches' values, or the episode's return; all turns of it have the advantage value - value of
    the segment before. The group's first state is worth the mean of the segments that begin there.

    Args:
        table: the batch; column sampled_by tells which member of the group sampled each turn, so that
            turns that branches share are known as one. Without it nothing is shared, and a trajectory is one
            segment.
        mode: "mean" (RLOO in the release), or "mean_std", divided by the deviation of the values that
            begin in the same state (ddof 0; GRPO in the release).
        epsilon: added to the deviation.

    Returns:
        advantage [N]; parts segment (codes) and value, of the segment [N]; figures segments, for each
        trajectory, and moved, the share of them with an advantage.
    """
    check_choice("mode", mode, ("mean", "mean_std"))
    segment_N, parent_S, depth_S = _segments(table)
    last = np.flatnonzero(table.is_last)
    ends, returns = table.num_groups + segment_N[last], table.episode_return[last]
    value_S, moved_S = np.zeros(parent_S.size), np.zeros(parent_S.size)
    for depth in range(int(depth_S.max(initial=-1)) + 1, -1, -1):
        own, over = np.flatnonzero(depth_S == depth), depth_S[segment_N[last]] == depth - 1
        states, place = np.unique(np.append(parent_S[own], ends[over]), return_inverse=True)
        of = moments(np.append(value_S[own], returns[over]), place, states.size, ddof=0)
        moved_S[own] = standardise(value_S[own], place[: own.size], of, mode, epsilon)
        inner = states >= table.num_groups
        value_S[states[inner] - table.num_groups] = of.mean[inner]
    return Credit(
        moved_S[segment_N],
        parts={"segment": segment_N, "value": value_S[segment_N]},
        figures={
            "segments": parent_S.size / max(table.num_trajectories, 1),
            "moved": average(moved_S != 0.0),
        },
    )


def _segments(table: TurnTable) -> tuple[IntArray, IntArray, IntArray]:
    """Return the segment of each turn [N], and of each segment the state it begins in and its depth [S].

    States are the first ones of prompt groups, by their codes, then the ends of segments. A segment
    begins where several turns follow one, or some follow and a trajectory ends.
    """
    if not len(table):
        return table.group, table.group, table.group
    node_N = _nodes(table)
    before_N = np.append(-1, node_N[:-1])
    first = np.unique(node_N, return_index=True)[1]
    inner = first[table.turn[first] > 0]
    follow_K = np.bincount(before_N[inner], minlength=first.size)
    follow_K += np.bincount(node_N[table.is_last], minlength=first.size)
    opens_N = (table.turn == 0) | (follow_K[before_N] > 1)
    opening_N = np.maximum.accumulate(np.where(opens_N, np.arange(len(table)), 0))
    _, start_S, segment_N = np.unique(node_N[opening_N], return_index=True, return_inverse=True)
    start_S = opening_N[start_S]
    depth_N = np.cumsum(opens_N)
    depth_N -= depth_N[table.first_rows][table.trajectory]
    parent_S = np.where(
        table.turn[start_S] == 0, table.group[start_S], table.num_groups + segment_N[start_S - 1]
    )
    return segment_N, parent_S, depth_N[start_S]


def _nodes(table: TurnTable) -> IntArray:
    """Return codes of turns that are one and the same [N]."""
    if "sampled_by" not in table.columns:
        return np.arange(len(table))
    return combine(combine(table.group, table.codes("sampled_by")), table.turn)
