"""A weighter that teaches only the tokens at which the policy hesitated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Turn
from ...errors import UsageError
from ..credit.base import Credit
from ..parts import Source
from .base import register


@register(
    "high_entropy",
    source=Source(
        paper="Beyond the 80/20 rule, equation 5",
        ref="arXiv 2506.01939",
        note="the quantile is over the sampled tokens of the batch: forced ones are not among them",
    ),
)
def high_entropy(credit: Credit, turns: Sequence[Turn], *, share: float = 0.2) -> list[NDArray[np.float64]]:
    """Give the tokens of highest entropy the advantage of their turn, all others 0.

    Our reading of "Beyond the 80/20 Rule" (arXiv 2506.01939, equation 5): the
    threshold is a quantile over the batch, and the denominator keeps all tokens.
    Forced tokens, which had no alternative, are in neither.

    Args:
        credit: turn advantages.
        turns: with the entropy of each token as it was sampled.
        share: of the batch's sampled tokens that learn, in (0, 1].

    Raises:
        UsageError: if share is out of range, or the policy reported no entropies.
    """
    if not 0.0 < share <= 1.0:
        raise UsageError(f"weights.share is {share}; expected a number in (0, 1]")
    entropies = entropies_of(turns, "high_entropy")
    chosen = [sampled_of(turn) for turn in turns]
    sampled = np.concatenate([np.zeros(0), *(e[free] for e, free in zip(entropies, chosen, strict=True))])
    threshold = np.quantile(sampled, 1.0 - share) if sampled.size else 0.0
    return [
        np.where(free_L & (entropy_L >= threshold), advantage, 0.0)
        for entropy_L, free_L, advantage in zip(entropies, chosen, credit.advantage, strict=True)
    ]


def entropies_of(turns: Sequence[Turn], weighter: str) -> list[NDArray[np.float64]]:
    """Return the entropy of each token as it was sampled, one array a turn.

    Raises:
        UsageError: if the policy reported none, naming the weighter that needs them.
    """
    for row, turn in enumerate(turns):
        if len(turn.generation.entropy) != len(turn.generation.token_ids):
            raise UsageError(f"row {row}: the policy reported no entropies, which {weighter!r} needs")
    return [np.asarray(turn.generation.entropy, dtype=np.float64) for turn in turns]


def sampled_of(turn: Turn) -> NDArray[np.bool_]:
    """Tell which tokens of a turn had an alternative [L]."""
    support = turn.generation.support or (None,) * len(turn.generation.token_ids)
    return np.array([allowed is None or len(allowed) > 1 for allowed in support], dtype=np.bool_)
