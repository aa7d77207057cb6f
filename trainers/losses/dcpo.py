"""DCPO: bounds of the ratio that open as the old probability falls."""

from __future__ import annotations

from torch import Tensor

from ..parts import Source
from .base import Terms, register
from .clipped import surrogate
from .objective import TokenBatch

LEAST_CAP = 10.0
"""The upper bound of the ratio is cut here at the lowest, as in the published code."""


@register(
    "dcpo",
    aggregation="trajectory_mean",
    ratio_level="token",
    sees="tokens",
    source=Source(
        paper="DCPO: Dynamic Clipping Policy Optimization",
        ref="arXiv 2509.02333",
        exact="golden",
        how="loss and gradient under dynamic bounds",
        note="the published aggregation adds up means over the tokens of single responses; here it is the "
        "mean over trajectories, the same direction",
    ),
)
def dcpo(
    ratio_N: Tensor,
    batch: TokenBatch,
    *,
    clip_low: float = 0.16,
    clip_high: float = 0.2,
    dual_clip: float = 10.0,
) -> Terms:
    """Return the surrogate with dynamic bounds of DCPO (arXiv 2509.02333, section 4.1 of its page).

    With q the old probability of a token, the ratio is cut at 1/2 + sqrt(max(0, 1 - 4 low/q))/2 and at
    1/2 + sqrt(1 + 4 high/q)/2: |(ratio - 1) new| is at most low or high. A rare token has room to grow,
    up to `dual_clip` and at least 10 times.

    Args:
        ratio_N: new/old of each token.
        batch: with the old logprobs.
        clip_low: epsilon of the lower bound.
        clip_high: epsilon of the upper bound.
        dual_clip: bounds the loss of tokens with a negative advantage; 0: no bound.
    """
    old_N = batch.old_N.exp()
    low_N = 0.5 + 0.5 * (1.0 - 4.0 * clip_low / old_N).clamp(min=0.0).sqrt()
    high_N = (0.5 + 0.5 * (1.0 + 4.0 * clip_high / old_N).sqrt()).clamp(max=max(dual_clip, LEAST_CAP))
    terms = surrogate(ratio_N, ratio_N.clamp(low_N, high_N), batch.advantage_N, dual_clip)
    bounds = {"dcpo/lower_bound": low_N.sum(), "dcpo/upper_bound": high_N.sum()}
    return Terms(terms.loss_N, terms.low_N, terms.high_N, bounds)
