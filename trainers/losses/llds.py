"""LLDS: what was right or harmless must not become less likely.

Shapes: _N sampled tokens of a micro-batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import UsageError
from .objective import TokenBatch
from .segments import segment_sum
from .terms import register_term


@register_term("llds")
def llds(batch: TokenBatch, *, coef: float = 0.2) -> Tensor:
    """Return the likelihood-preserving term of "On GRPO Collapse in Search-R1" (arXiv 2512.04220).

    A message (a turn's sampled tokens) whose summed log-likelihood fell since the
    start of the batch pays, for each token with an advantage of at least 0, by how
    much that token's own log-likelihood fell; one that became likelier as a whole
    pays nothing. The sum is divided by all tokens of the mini-batch, penalised or
    not. An advantage of 0 counts as not bad, so groups without any difference
    are protected too.

    With a single update a batch nothing has moved yet and the term is 0.

    Args:
        batch: its `old_N` is the learner at the start of the batch.
        coef: the weight, 0.2 in the authors' runs.

    Raises:
        UsageError: if coef is negative.
    """
    if coef < 0:
        raise UsageError(f"loss term llds: coef is {coef}; expected at least 0")
    fall_N = batch.old_N - batch.logp_N
    fell_N = segment_sum(fall_N.detach(), batch.turn_N) > 0
    kept_N = fell_N & (batch.advantage_N >= 0)
    paid_N = torch.where(kept_N, fall_N.clamp(min=0.0), torch.zeros_like(fall_N))
    return coef * paid_N.sum() / batch.num_tokens
