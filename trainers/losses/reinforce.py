"""REINFORCE: the plain score-function estimator."""

from __future__ import annotations

from torch import Tensor

from .base import Terms, register


@register("reinforce", aggregation="token_mean", ratio_level="token")
def reinforce(ratio_N: Tensor, advantage_N: Tensor, logp_N: Tensor) -> Terms:
    """Return -A log pi (Williams 1992); right for one on-policy update a batch only."""
    return Terms(-advantage_N * logp_N)
