"""Anchor groups: the turns of a prompt group that were taken in the same, or a similar, state."""

from __future__ import annotations

from ..statistics.groups import moments, standardise
from ..statistics.scores import Mode
from ..table.columns import FloatArray, IntArray
from ..table.table import TurnTable
from .similarity import similar_groups


def anchor_groups(table: TurnTable, similarity: float | None, autojunk: bool, method: str) -> IntArray:
    """Return the code of each turn's anchor group [N], by first appearance.

    Args:
        table: the batch; needs column state_key.
        similarity: None for equal keys; else the least difflib ratio to a group's first key.
        autojunk: as in difflib.SequenceMatcher.
        method: who asks, for messages.
    """
    if similarity is None:
        return table.anchors(method)
    return similar_groups(table, similarity, autojunk, method)


def step_advantage(score_N: FloatArray, group_N: IntArray, mode: Mode, epsilon: float) -> FloatArray:
    """Return the score normalised in its anchor group, sample deviation (ddof 1) [N].

    A turn alone in its group gets 0.
    """
    num_groups = int(group_N.max(initial=-1)) + 1
    return standardise(score_N, group_N, moments(score_N, group_N, num_groups), mode, epsilon)
