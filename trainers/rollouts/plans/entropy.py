"""Branching where the policy hesitates after a tool's reply (ARPO of tool agents)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ....agents.rollout import BranchingPlan, BranchPoint
from ....errors import UsageError
from ....streams import Stream, rng
from ...parts import Source
from .base import register


@register(
    "entropy",
    source=Source(
        paper="ARPO of tool agents",
        ref="arXiv 2507.19849",
        how="the rule of the released code",
        note="entropies are of the whole distribution, not its ten likeliest tokens, and of the message "
        "after the tool's reply; a branch begins before that message; the first message never "
        "branches. Members without a branch come one at a time and may be branched from, as released",
    ),
)
def entropy(
    group_size: int,
    *,
    roots: int = 8,
    width: int = 2,
    weight: float = 0.2,
    chance: float = 0.5,
    tokens: int = 20,
    fill: bool = True,
) -> BranchingPlan:
    """Branch with a probability that rises with entropy: Agentic Reinforced Policy Optimization.

    ARPO, arXiv 2507.19849, as in its released code: after each reply, of each of
    the `width - 1` chances a member is taken where
    clip(u - weight (H_t - H_0), 0, 1) <= chance, with u uniform in [0, 1); H is
    the entropy of the first tokens of a message over ln of the vocabulary, H_0
    that of the episode's first message. As in the release members that found no
    branch play from the start, one at a time, and those that are left may branch from each.

    Our reading: the entropy is that of the whole distribution that sampled, not of
    its ten likeliest tokens; it is measured on the message that answers the reply
    (the release measures the one before), and a branch begins in the state before
    that message. The first message, which answers no tool, never branches.

    Args:
        group_size: the most episodes of a group.
        roots: episodes that play from the start at once; 8 of 16 in the authors' runs.
        width: the most episodes that leave a state, the one that came there included.
        weight: of the entropy's rise.
        chance: of a branch where the entropy has not changed.
        tokens: how many of a message's first tokens are looked at.
        fill: let members that found no branch play from the start.

    Raises:
        UsageError: if a number is out of range, or later if the policy reports no entropies.
    """
    if not 1 <= roots <= group_size or width < 2 or tokens < 1 or not 0.0 <= chance <= 1.0:
        raise UsageError(
            f"plan entropy: roots {roots}, width {width}, tokens {tokens}, chance {chance}; expected 1 to "
            f"{group_size} roots, a width of at least 2, at least 1 token, and a chance from 0 to 1"
        )

    def num_branches(point: BranchPoint) -> int:
        if not point.turns:
            return 0
        rise = _of(point, point.generation.entropy, tokens) - _of(
            point, point.turns[0].generation.entropy, tokens
        )
        seed, *numbers = point.key
        drawn = rng(seed, Stream.BRANCHES, *numbers).random(width - 1)
        return sum(branches(float(u), rise, weight, chance) for u in drawn)

    return BranchingPlan(roots, num_branches, fill, one_by_one=True)


def branches(u: float, rise: float, weight: float, chance: float) -> bool:
    """Tell whether a draw u in [0, 1) branches where the entropy has risen by `rise`."""
    return min(1.0, max(0.0, u - weight * rise)) <= chance


def normalised_entropy(entropy_L: Sequence[float], tokens: int, vocab_size: int) -> float:
    """Return the summed entropy of a message's first tokens over ln of the vocabulary."""
    return math.fsum(entropy_L[:tokens]) / math.log(vocab_size)


def _of(point: BranchPoint, entropy_L: Sequence[float], tokens: int) -> float:
    if not entropy_L or point.vocab_size < 2:
        raise UsageError(
            "plan entropy: the policy reports no entropies or no vocab_size; use plan 'tree' or 'independent'"
        )
    return normalised_entropy(entropy_L, tokens, point.vocab_size)
