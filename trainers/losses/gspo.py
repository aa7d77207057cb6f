"""GSPO: the clipped surrogate of the ratio of whole sequences."""

from __future__ import annotations

from torch import Tensor

from .base import Terms, register
from .ppo import clipped_surrogate


@register("gspo", aggregation="trajectory_mean", ratio_level="trajectory")
def gspo(
    ratio_N: Tensor,
    advantage_N: Tensor,
    logp_N: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
) -> Terms:
    """Return the surrogate of GSPO (arXiv 2507.18071, equations 5 and 7).

    The ratio is the geometric mean over the tokens of a sequence; the sequence
    is the trajectory unless the recipe sets `ratio_level = "turn"`.
    """
    return clipped_surrogate(ratio_N, advantage_N, clip_low, clip_high)
