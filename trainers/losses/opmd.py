"""OPMD: the plain score-function estimator with a factor for its regulariser."""

from __future__ import annotations

from torch import Tensor

from ...errors import UsageError
from ..parts import Source
from .base import Terms, register


@register(
    "opmd",
    aggregation="token_mean",
    ratio_level="token",
    source=Source(
        "Group-relative REINFORCE is secretly an off-policy algorithm",
        "arXiv 2509.24203",
        exact="golden",
        how="the loss of Trinity-RFT's code",
    ),
)
def opmd(ratio_N: Tensor, advantage_N: Tensor, logp_N: Tensor, *, tau: float = 1.0) -> Terms:
    """Return -A log pi / (1 + tau), as Trinity-RFT's code has it (arXiv 2509.24203).

    There is no ratio and no clip: turns of older policies are learned from as they are. What it
    has of a trust region is that factor; several updates a batch are meant.

    Args:
        ratio_N: not used.
        advantage_N: of each token.
        logp_N: of the current policy, with gradient.
        tau: weight of the regulariser towards the policy that sampled.

    Raises:
        UsageError: if tau is negative.
    """
    if tau < 0:
        raise UsageError(f"loss opmd: tau={tau!r}; expected at least 0")
    return Terms(-advantage_N * logp_N / (1.0 + tau))
