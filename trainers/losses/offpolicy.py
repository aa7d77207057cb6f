"""The weight old/behaviour: what corrects an engine that is not the learner's own."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from ...errors import UnknownName
from ..objective_config import Correction
from .segments import MAX_LOG_RATIO, segment_sum

CORRECTIONS: tuple[str, ...] = get_args(Correction)


def offpolicy_weight(
    kind: Correction,
    old_N: Tensor,
    behaviour_N: Tensor,
    limit: float,
    segment_N: Tensor | None = None,
) -> Tensor:
    """Return the importance weight of each token, without gradient.

    Args:
        kind: `truncate` cuts the weight at `limit` (truncated importance sampling,
            arXiv 2510.18855 and others), `mask` gives 0 outside [1/limit, limit].
        old_N: logprobs of the learner before the batch.
        behaviour_N: logprobs of the engine that sampled.
        limit: at least 1.
        segment_N: where given, a token's weight is the product over its segment.

    Raises:
        UnknownName: for another kind.
    """
    if kind == "none":
        return torch.ones_like(old_N)
    if kind not in CORRECTIONS:
        raise UnknownName("off-policy correction", kind, CORRECTIONS)
    log_weight_N = (old_N - behaviour_N).detach()
    if segment_N is not None:
        log_weight_N = segment_sum(log_weight_N, segment_N)
    weight_N = log_weight_N.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
    if kind == "truncate":
        return weight_N.clamp(max=limit)
    inside_N = (weight_N <= limit) & (weight_N >= 1.0 / limit)
    return torch.where(inside_N, weight_N, torch.zeros_like(weight_N))
