"""A weighter that teaches only the tokens where much is at stake and the policy hesitated (D3S)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Turn
from ...errors import UsageError
from ..credit.base import Credit
from ..parts import Source
from .base import Lesson, register
from .entropy import entropies_of, sampled_of

Floats = NDArray[np.float64]


@register(
    "d3s",
    takes_lesson=True,
    source=Source(
        paper="Learning More with Less, D3S",
        ref="arXiv 2509.22115",
        exact="by hand",
        how="which tokens learn: the share with the largest absolute advantage times entropy",
        note="the paper's text was read in notes of others, its code is not public. Our reading: the entropy "
        "is that of the distribution that sampled, forced tokens are in no share, and the denominator of the "
        "loss keeps all tokens",
    ),
)
def d3s(
    credit: Credit, turns: Sequence[Turn], lesson: Lesson, *, share: Sequence[float] = (0.2, 1.0)
) -> list[Floats]:
    """Give the tokens of the largest |advantage| times entropy the advantage of their turn, all others 0.

    Learning More with Less, arXiv 2509.22115: of the tokens of the rollouts that are
    learned from, a share learns, which goes linearly from its first to its last value.

    Args:
        credit: turn advantages.
        turns: with the entropy of each token as it was sampled.
        lesson: which turns are learned from, and how far the run is.
        share: of the sampled tokens, in (0, 1]: at the first update and at the last.

    Raises:
        UsageError: if a share is out of range, or the policy reported no entropies.
    """
    now = between(share, lesson.progress, "weights.share")
    free = [sampled_of(turn) & learned for turn, learned in zip(turns, lesson.learned_R, strict=True)]
    scores = [
        abs(advantage) * entropy_L
        for advantage, entropy_L in zip(credit.advantage, entropies_of(turns, "d3s"), strict=True)
    ]
    among = np.concatenate([np.zeros(0), *(s[mask] for s, mask in zip(scores, free, strict=True))])
    threshold = np.quantile(among, 1.0 - now) if among.size else 0.0
    return [
        np.where(free_L & (score_L >= threshold), advantage, 0.0)
        for score_L, free_L, advantage in zip(scores, free, credit.advantage, strict=True)
    ]


def between(pair: Sequence[float], progress: float, name: str) -> float:
    """Return a share between its first and its last value.

    Args:
        pair: at progress 0 and at progress 1, each in (0, 1].
        progress: from 0 to 1.
        name: of the parameter, for messages.

    Raises:
        UsageError: if there are not two, or one is out of range.
    """
    if len(pair) != 2 or not all(0.0 < value <= 1.0 for value in pair):
        raise UsageError(f"{name} is {list(pair)}; expected two shares in (0, 1]")
    first, last = pair
    return first + (last - first) * progress
