"""Trees of a fixed shape: branches at each of some turns."""

from __future__ import annotations

from collections.abc import Sequence

from ....agents.rollout import BranchingPlan, BranchPoint
from ....errors import UsageError
from ...parts import Source
from .base import register


@register(
    "tree",
    source=Source(
        paper="after Tree-GRPO",
        ref="arXiv 2509.21240",
        exact="our reading",
        note="branches at fixed turns; credit is that of any estimator",
    ),
)
def tree(
    group_size: int, *, roots: int = 1, width: int = 2, turns: Sequence[int] = (1, 2), fill: bool = True
) -> BranchingPlan:
    """Let every episode of a group become `width` of them at each of some turns.

    A path that ends before a turn does not branch there; the members it leaves over
    play from the start. The step is the tree search over agent turns of Tree-GRPO
    (arXiv 2509.21240) with the places of the branches fixed beforehand.

    Args:
        group_size: leaves of all trees of a group together.
        roots: trees, each with the same first state.
        width: episodes that leave a node, the one that came there included.
        turns: turns taken before a message at which episodes part, ascending; 0 is the first message.
        fill: let members that found no branch play from the start.

    Raises:
        UsageError: if the leaves are not group_size, or a number is out of range.
    """
    places = list(turns)
    if roots < 1 or width < 2 or not places or places != sorted(set(places)) or places[0] < 0:
        raise UsageError(
            f"plan tree: roots {roots}, width {width}, turns {places}; expected at least 1 root, a width of "
            "at least 2, and ascending turns from 0 on"
        )
    leaves = roots * width ** len(places)
    if leaves != group_size:
        raise UsageError(
            f"plan tree: {roots} roots that become {width} at {len(places)} turns make {leaves} leaves; "
            f"rollout.group_size is {group_size}"
        )

    def num_branches(point: BranchPoint) -> int:
        return width - 1 if len(point.turns) in places else 0

    return BranchingPlan(roots, num_branches, fill)
