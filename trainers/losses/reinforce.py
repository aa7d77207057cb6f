"""REINFORCE: the plain score-function estimator."""

from __future__ import annotations

from torch import Tensor

from ..parts import Source
from .base import Terms, register


@register(
    "reinforce",
    aggregation="token_mean",
    ratio_level="token",
    source=Source(
        paper="REINFORCE",
        ref="Williams 1992",
        note="right for one on-policy update a batch only",
    ),
)
def reinforce(ratio_N: Tensor, advantage_N: Tensor, logp_N: Tensor) -> Terms:
    """Return -A log pi (Williams 1992); right for one on-policy update a batch only."""
    return Terms(-advantage_N * logp_N)
