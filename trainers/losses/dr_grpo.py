"""Dr. GRPO: the clipped surrogate summed over tokens and divided by a constant."""

from __future__ import annotations

from torch import Tensor

from .base import Terms, register
from .ppo import clipped_surrogate


@register("dr_grpo", aggregation="constant", ratio_level="token")
def dr_grpo(
    ratio_N: Tensor,
    advantage_N: Tensor,
    logp_N: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
) -> Terms:
    """Return the surrogate of Dr. GRPO (arXiv 2503.20783, section 3.2).

    What differs from GRPO's is the aggregation: a constant length instead of each
    response's own, so long wrong answers are not favoured.
    """
    return clipped_surrogate(ratio_N, advantage_N, clip_low, clip_high)
