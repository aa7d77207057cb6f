"""The weight old/behaviour: what corrects an engine that is not the learner's own, or is behind it.

With the learner before the batch as the old policy (optim.old_logprobs = "recompute") this is the decoupled
objective of AReaL (arXiv 2505.24298): the clipped ratio is against the one, the weight against the other.
"""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from ...errors import UnknownName
from ..objective_config import Correction
from .segments import MAX_LOG_RATIO, segment_mean

CORRECTIONS: tuple[str, ...] = get_args(Correction)


def offpolicy_weight(
    kind: Correction,
    old_N: Tensor,
    behaviour_N: Tensor,
    limit: float,
    segment_N: Tensor | None = None,
) -> Tensor:
    """Return what each token's term of the loss is multiplied by, without gradient [N].

    Args:
        kind: `truncate` cuts the weight at `limit` (truncated importance sampling,
            arXiv 2510.18855 and others), `mask` gives 0 outside [1/limit, limit],
            `none` is 1.
        old_N: logprobs of the learner before the batch.
        behaviour_N: logprobs of the engine that sampled.
        limit: at least 1.
        segment_N: where given, tokens have the weight of their segment; see `importance`.

    Raises:
        UnknownName: for another kind.
    """
    if kind == "none":
        return torch.ones_like(old_N)
    return bounded(kind, importance(old_N, behaviour_N, segment_N), limit)


def importance(old_N: Tensor, behaviour_N: Tensor, segment_N: Tensor | None = None) -> Tensor:
    """Return old/behaviour of each token, or the geometric mean over its segment [N].

    The mean, since a product over a long message is a matter of its length: with
    noise of 0.03 nats a token and a true mean ratio of 1, a product over 8 000
    tokens, cut at 2, averages 0.22.
    """
    log_weight_N = (old_N - behaviour_N).detach()
    if segment_N is not None:
        log_weight_N = segment_mean(log_weight_N, segment_N)
    return log_weight_N.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()


def bounded(kind: Correction, weight_N: Tensor, limit: float) -> Tensor:
    """Return weights cut at a limit, or 0 where they lie beyond it.

    Raises:
        UnknownName: for another kind than `truncate` and `mask`.
    """
    if kind == "truncate":
        return weight_N.clamp(max=limit)
    if kind != "mask":
        raise UnknownName("off-policy correction", kind, CORRECTIONS)
    inside_N = (weight_N <= limit) & (weight_N >= 1.0 / limit)
    return torch.where(inside_N, weight_N, torch.zeros_like(weight_N))
