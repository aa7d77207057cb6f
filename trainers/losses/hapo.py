"""HAPO: bounds and advantages by how much the policy hesitated, against the whole mini-batch.

Shapes: _N tokens of a mini-batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import UsageError
from ..parts import Source
from .base import Terms, register
from .clipped import surrogate
from .objective import TokenBatch

_LEAST = 1e-8  # entropies in nats below it count as it, and no spread is smaller


@register(
    "hapo",
    aggregation="token_mean",
    ratio_level="token",
    sees="groups",
    source=Source(
        paper="HAPO: Heterogeneous Adaptive Policy Optimization",
        ref="arXiv 2509.16591",
        exact="golden",
        how="loss and gradient, as released and with signed entropies",
        note="in the published code entropies below the pivot become positive too, so that the lower bound "
        "never widens: `signed = false`; the default is what the rest of it is written for, from -1 to 1. "
        "Entropies are compared within the mini-batch, in the code within a micro-batch. Two parts of the "
        "paper are not here: a temperature by token in sampling, and a mean of the group weighed by tokens",
    ),
)
def hapo(
    ratio_N: Tensor,
    batch: TokenBatch,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    pivot: float = 0.8,
    clip_alpha: float = 1.0,
    advantage_beta: float = 1.0,
    dual_clip: float = 10.0,
    signed: bool = True,
) -> Terms:
    """Return the surrogate of HAPO (arXiv 2509.16591): adaptive clipping and redistributed advantages.

    With h the scaled entropy of a token: the lower bound widens to low (1 - alpha h) where h <= 0, the
    upper one to high (1 + alpha h) where h > 0. The advantage becomes A (1 + beta h) where h > 0 and the
    ratio has left the inner half of its bounds, or h <= 0 and it has not.

    Args:
        ratio_N: new/old of each token.
        batch: the whole mini-batch, with current entropies.
        clip_low: the lower bound is 1 less it.
        clip_high: the upper bound is 1 and it.
        pivot: the quantile of entropies at which h is 0, in [0, 1].
        clip_alpha: how far the bounds follow h.
        advantage_beta: how far advantages follow h.
        dual_clip: bounds the loss of tokens with a negative advantage; 0: no bound.
        signed: whether h is negative below the pivot; False: positive there too, as in the published code.

    Raises:
        UsageError: if the pivot is out of range.
    """
    if not 0.0 <= pivot <= 1.0:
        raise UsageError(f"loss.pivot is {pivot}; expected a quantile in [0, 1]")
    h_N = scaled_entropy(batch.entropy_N.detach(), pivot, signed)
    high_entropy_N = h_N > 0
    low_N = clip_low * torch.where(high_entropy_N, 1.0, 1.0 - clip_alpha * h_N)
    high_N = clip_high * torch.where(high_entropy_N, 1.0 + clip_alpha * h_N, 1.0)
    inner_N = (ratio_N.detach() > 1.0 - low_N / 2) & (ratio_N.detach() < 1.0 + high_N / 2)
    factor_N = torch.where(high_entropy_N ^ inner_N, 1.0 + advantage_beta * h_N, 1.0)
    within_N = ratio_N.clamp(1.0 - low_N, 1.0 + high_N)
    terms = surrogate(ratio_N, within_N, batch.advantage_N * factor_N, dual_clip)
    sums = {"hapo/high_entropy": high_entropy_N.sum(), "hapo/factor": factor_N.sum()}
    return Terms(terms.loss_N, terms.low_N, terms.high_N, sums)


def scaled_entropy(entropy_N: Tensor, pivot: float, signed: bool = True) -> Tensor:
    """Return log-entropies less their quantile, the largest scaled to 1 and the lowest to -1 (or 1)."""
    if not entropy_N.numel():
        return entropy_N
    log_N = entropy_N.clamp(min=_LEAST).log()
    above_N = log_N - log_N.kthvalue(round(pivot * (log_N.numel() - 1)) + 1).values
    h_N = above_N / above_N.square().mean().clamp(min=_LEAST).sqrt()
    top, bottom = h_N.max().clamp(min=_LEAST), h_N.min().clamp(max=-_LEAST)
    return torch.where(h_N > 0, h_N / top, h_N / (-bottom if signed else bottom))
