"""The clipped surrogate and the losses that are made of it: PPO, DAPO, Dr. GRPO, GSPO."""

from __future__ import annotations

import torch
from torch import Tensor

from ..parts import Source
from .base import Terms, register


@register(
    "ppo",
    aggregation="token_mean",
    ratio_level="token",
    source=Source(
        paper="PPO, with the dual clip of arXiv 1912.09729",
        ref="arXiv 1707.06347",
        exact="golden",
    ),
)
def ppo(
    ratio_N: Tensor,
    advantage_N: Tensor,
    logp_N: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float = 3.0,
) -> Terms:
    """Return the clipped surrogate of PPO (arXiv 1707.06347, equation 7).

    `dual_clip` bounds the loss of tokens with a negative advantage at
    `dual_clip * |advantage|` (Ye et al., arXiv 1912.09729, equation 5); 0 turns it off.
    """
    return clipped_surrogate(ratio_N, advantage_N, clip_low, clip_high, dual_clip)


@register(
    "dapo",
    aggregation="token_mean",
    ratio_level="token",
    source=Source(
        paper="DAPO, equation 10",
        ref="arXiv 2503.14476",
        exact="golden",
    ),
)
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


@register(
    "dr_grpo",
    aggregation="constant",
    ratio_level="token",
    source=Source(
        paper="Understanding R1-Zero-like training",
        ref="arXiv 2503.20783",
        exact="golden",
        note="the constant is the longest episode in tokens",
    ),
)
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


@register(
    "gspo",
    aggregation="trajectory_mean",
    ratio_level="trajectory",
    source=Source(
        paper="Group sequence policy optimization",
        ref="arXiv 2507.18071",
        exact="golden",
        how="in value; the token form (GSPO-token) by hand: one ratio a sequence in value, and each token "
        "the gradient of its own advantage",
        note='the sequence is the trajectory; `ratio_level = "turn"` takes the response',
    ),
)
def gspo(
    ratio_N: Tensor,
    advantage_N: Tensor,
    logp_N: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
) -> Terms:
    """Return the surrogate of GSPO (arXiv 2507.18071, equations 5, 7 and 13).

    The ratio is the geometric mean over the tokens of a sequence; the sequence
    is the trajectory unless the recipe sets `ratio_level = "turn"`. Each token
    has the gradient of its own logprob (GSPO-token), so advantages may differ
    inside a sequence; where they do not, it is the gradient of the sequence.
    """
    return clipped_surrogate(ratio_N, advantage_N, clip_low, clip_high)


def clipped_surrogate(
    ratio_N: Tensor, advantage_N: Tensor, clip_low: float, clip_high: float, dual_clip: float = 0.0
) -> Terms:
    """Return -min(ratio A, clip(ratio, 1 - low, 1 + high) A), dual clip where A < 0."""
    return surrogate(ratio_N, ratio_N.clamp(1.0 - clip_low, 1.0 + clip_high), advantage_N, dual_clip)


def surrogate(ratio_N: Tensor, within_N: Tensor, advantage_N: Tensor, dual_clip: float = 0.0) -> Terms:
    """Return -min(ratio A, within A), dual clip where A < 0.

    Args:
        ratio_N: new/old.
        within_N: the same, cut at its bounds.
        advantage_N: of each token.
        dual_clip: bounds the loss where A < 0 at so many |A|; 0: no bound.
    """
    plain_N = -advantage_N * ratio_N
    bounded_N = -advantage_N * within_N
    loss_N = torch.maximum(plain_N, bounded_N)
    cut_N = bounded_N > plain_N
    low_N, high_N = cut_N & (advantage_N < 0), cut_N & (advantage_N > 0)
    if dual_clip > 0:
        ceiling_N = -advantage_N * dual_clip
        negative_N = advantage_N < 0
        high_N = high_N | (negative_N & (ceiling_N < loss_N))
        loss_N = torch.where(negative_N, torch.minimum(ceiling_N, loss_N), loss_N)
    return Terms(loss_N, low_N.detach(), high_N.detach())
