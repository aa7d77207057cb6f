"""A weighter that teaches only the tokens at which the policy hesitated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Turn
from ...errors import UsageError
from ..credit.base import Credit
from .base import register


@register("high_entropy")
def high_entropy(credit: Credit, turns: Sequence[Turn], *, share: float = 0.2) -> list[NDArray[np.float64]]:
    """Give the tokens of highest entropy the advantage of their turn, all others 0.

    Our reading of "Beyond the 80/20 Rule" (arXiv 2506.01939, equation 5): the
    threshold is a quantile over the batch, and the denominator keeps all tokens.

    Args:
        credit: turn advantages.
        turns: with the entropy of each token as it was sampled.
        share: of the batch's tokens that learn, in (0, 1].

    Raises:
        UsageError: if share is out of range, or the policy reported no entropies.
    """
    if not 0.0 < share <= 1.0:
        raise UsageError(f"weights.share is {share}; expected a number in (0, 1]")
    for row, turn in enumerate(turns):
        if len(turn.generation.entropy) != len(turn.generation.token_ids):
            raise UsageError(f"row {row}: the policy reported no entropies, which 'high_entropy' needs")
    entropies = [np.asarray(turn.generation.entropy, dtype=np.float64) for turn in turns]
    threshold = np.quantile(np.concatenate(entropies), 1.0 - share) if entropies else 0.0
    return [
        np.where(entropy_L >= threshold, advantage, 0.0)
        for entropy_L, advantage in zip(entropies, credit.advantage, strict=True)
    ]
