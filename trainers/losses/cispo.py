"""CISPO: REINFORCE weighted by a clipped ratio that carries no gradient."""

from __future__ import annotations

from torch import Tensor

from ..parts import Source
from .base import Terms, register


@register(
    "cispo",
    aggregation="token_mean",
    ratio_level="token",
    source=Source(
        paper="MiniMax-M1, equations 4 and 5",
        ref="arXiv 2506.13585",
        note="the bound is not published; weights up to 5 are ScaleRL's (arXiv 2510.13786) and TRL's",
    ),
)
def cispo(
    ratio_N: Tensor,
    advantage_N: Tensor,
    logp_N: Tensor,
    *,
    clip_low: float = 1.0,
    clip_high: float = 4.0,
) -> Terms:
    """Return the loss of CISPO (MiniMax-M1, arXiv 2506.13585, equations 4 and 5).

    No token loses its gradient: the bound acts on the weight. The paper leaves
    the lower side open (`clip_low` 1) and does not publish the upper bound;
    weights up to 5 (`clip_high` 4) are what ScaleRL (arXiv 2510.13786) and TRL use.
    """
    weight_N = ratio_N.detach()
    low_N, high_N = weight_N < 1.0 - clip_low, weight_N > 1.0 + clip_high
    bounded_N = weight_N.clamp(1.0 - clip_low, 1.0 + clip_high)
    return Terms(-bounded_N * advantage_N * logp_N, low_N, high_N)
