"""SAPO: a soft gate instead of a hard clip."""

from __future__ import annotations

import torch
from torch import Tensor

from ..parts import Source
from .base import Terms, register


@register(
    "sapo",
    aggregation="trajectory_mean",
    ratio_level="token",
    source=Source(
        paper="SAPO",
        ref="arXiv 2511.20347",
    ),
)
def sapo(
    ratio_N: Tensor,
    advantage_N: Tensor,
    logp_N: Tensor,
    *,
    tau_positive: float = 1.0,
    tau_negative: float = 1.05,
) -> Terms:
    """Return the loss of SAPO (arXiv 2511.20347): -(4/tau) sigmoid(tau (ratio - 1)) A.

    At ratio 1 its gradient is that of the plain surrogate; away from it the
    gradient fades, faster for tokens with a negative advantage.
    """
    tau_N = torch.where(advantage_N > 0, tau_positive, tau_negative).to(ratio_N.dtype)
    return Terms(-(4.0 / tau_N) * torch.sigmoid(tau_N * (ratio_N - 1.0)) * advantage_N)
