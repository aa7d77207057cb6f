"""Lp-Reg: rare tokens of lost trajectories are held near a policy without the noise.

Shapes: _N tokens of a mini-batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import UsageError
from ..parts import Source
from .base import Terms, register
from .clipped import clipped_surrogate
from .kl import kl_estimate
from .objective import TokenBatch

_MOST_KL = 10.0  # nats: a token's estimate is cut there, as in the published code


@register(
    "lp_reg",
    aggregation="token_mean",
    ratio_level="token",
    sees="groups",
    filtered_by="min_p",
    source=Source(
        paper="Low-probability Tokens Sustain Exploration in RL with Verifiable Reward (Lp-Reg)",
        ref="arXiv 2510.03222",
        exact="golden",
        how="loss and gradient; the filtered policy by hand",
        note="the rarest tokens are those of the mini-batch, in the code of a micro-batch. Where they "
        "would be a single one there is none, as there",
    ),
)
def lp_reg(
    ratio_N: Tensor,
    batch: TokenBatch,
    *,
    clip_low: float = 1.0,
    clip_high: float = 9.0,
    share: float = 0.01,
    min_p: float = 0.02,
    coef: float = 1.0,
) -> Terms:
    """Return the surrogate of Lp-Reg (arXiv 2510.03222).

    Of the tokens with a negative advantage the least likely are looked at. Where the policy at the start
    of the batch, its tokens below `min_p` times the likeliest left out, holds such a token for likelier
    than the current one does, its term is the surrogate without bounds and the k3 estimate to that policy:
    what was rare but no noise is not put out.

    Args:
        ratio_N: new/old of each token.
        batch: the whole mini-batch, with logprobs of the filtered policy.
        clip_low: the lower bound of the other tokens is 1 less it.
        clip_high: their upper bound is 1 and it.
        share: of the tokens with a negative advantage that are looked at, in [0, 1].
        min_p: what the filter keeps, in parts of the likeliest token's probability.
        coef: weight of the KL, in nats a token.

    Raises:
        UsageError: if share is out of range, or the batch has no filtered policy.
    """
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"loss.share is {share}; expected a number in [0, 1]")
    if batch.filtered_N is None:
        raise UsageError("loss lp_reg needs the logprobs of the filtered policy; a Learner gives them")
    terms = clipped_surrogate(ratio_N, batch.advantage_N, clip_low, clip_high)
    rare_N = rarest(batch.logp_N.detach(), batch.advantage_N < 0, share)
    held_N = rare_N & (batch.logp_N.detach() < batch.filtered_N)
    target_N = torch.where(held_N, batch.filtered_N, batch.logp_N.detach())
    kl_N = kl_estimate("k3", batch.logp_N, target_N).clamp(max=_MOST_KL)
    loss_N = torch.where(held_N, -batch.advantage_N * ratio_N + coef * kl_N, terms.loss_N)
    assert terms.low_N is not None and terms.high_N is not None
    sums = {"lp_reg/rare": rare_N.sum(), "lp_reg/held": held_N.sum()}
    return Terms(loss_N, terms.low_N & ~held_N, terms.high_N & ~held_N, sums)


def rarest(logp_N: Tensor, among_N: Tensor, share: float) -> Tensor:
    """Return which tokens are the least likely share of some; none where that would be one at most."""
    (index_M,) = among_N.nonzero(as_tuple=True)
    count = int(len(index_M) * share)
    chosen_N = torch.zeros_like(among_N)
    if count > 1:
        chosen_N[index_M[logp_N[index_M].topk(count, largest=False).indices]] = True
    return chosen_N
