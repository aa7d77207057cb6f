"""DAPO: PPO with a higher upper bound."""

from __future__ import annotations

from torch import Tensor

from .base import Terms, register
from .ppo import clipped_surrogate


@register("dapo", aggregation="token_mean", ratio_level="token")
def dapo(
    ratio_N: Tensor,
    advantage_N: Tensor,
    logp_N: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.28,
) -> Terms:
    """Return the clip-higher surrogate of DAPO (arXiv 2503.14476, equation 10).

    The upper bound leaves rare tokens room to grow; the mean is over tokens.
    """
    return clipped_surrogate(ratio_N, advantage_N, clip_low, clip_high)
