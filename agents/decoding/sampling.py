"""The sampling transformation: mask, temperature, min-p, top-k, top-p, and one draw a row.

Order, as vLLM's: the allowed set restricts the vocabulary, temperature divides the logits,
min-p (arXiv 2407.01082) keeps what is at least that share as likely as the likeliest,
top-k keeps the k most likely, top-p (nucleus sampling, arXiv 1904.09751) keeps
the fewest most likely whose probabilities among those reach p, the token that
crosses p included; ties go to the smaller token. What remains is renormalised,
and its tokens are the support that a learner replays (see replay.py).

Shapes: _B rows, _V vocabulary, _M rows of one kind, _S candidates of the widest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..sampling import Sampling

# Up to here probabilities are float64; above, the vocabulary of a large model
# would need gigabytes for digits that its own forward pass does not have.
_FLOAT64_WIDTH = 16_384
# Stands for -inf where a weight of 0 is multiplied.
_LEAST_LOGIT = -1e30


@dataclass(frozen=True, slots=True)
class SamplingRows:
    """What the rows of a batch ask for, one entry a row."""

    sampling: Sequence[Sampling]  # [B]
    uniform_B: NDArray[np.float64]  # in [0, 1)
    allowed: Sequence[Sequence[int] | None]  # [B] ascending tokens, or None: all


@dataclass(frozen=True, slots=True)
class Draw:
    """One drawn token a row, and the distribution it came from."""

    tokens: list[int]
    logprobs: list[float]
    entropies: list[float]  # nats
    supports: list[tuple[int, ...] | None]  # None: the whole vocabulary


def precise(logits: Tensor) -> Tensor:
    """Return logits in float64, or in float32 where the last axis is very wide."""
    return logits.double() if logits.shape[-1] <= _FLOAT64_WIDTH else logits.float()


@torch.inference_mode()
def sample(logits_BV: Tensor, rows: SamplingRows) -> Draw:
    """Draw one token a row; what a row gets does not depend on the others.

    Args:
        logits_BV: raw logits, on any device.
        rows: what each row asks for.
    """
    num_rows = logits_BV.shape[0]
    draw = Draw([0] * num_rows, [0.0] * num_rows, [0.0] * num_rows, [None] * num_rows)
    wide = [row for row, allowed in enumerate(rows.allowed) if allowed is None]
    if wide:
        logits_MV = logits_BV if len(wide) == num_rows else logits_BV[wide]
        _draw_rows(precise(logits_MV), None, wide, rows, draw)
    narrow = [(row, allowed) for row, allowed in enumerate(rows.allowed) if allowed is not None]
    if narrow:
        width = max(len(allowed) for _, allowed in narrow)
        candidates = [[*allowed, *[-1] * (width - len(allowed))] for _, allowed in narrow]
        index_MS = torch.tensor(candidates, device=logits_BV.device)
        indices = [row for row, _ in narrow]
        row_M1 = torch.tensor(indices, device=logits_BV.device)[:, None]
        logits_MS = logits_BV[row_M1, index_MS.clamp(min=0)].double()
        _draw_rows(logits_MS.masked_fill(index_MS < 0, -torch.inf), candidates, indices, rows, draw)
    return draw


def _draw_rows(
    logits_MS: Tensor, candidates: list[list[int]] | None, indices: list[int], rows: SamplingRows, draw: Draw
) -> None:
    """Draw for the rows `indices` and write what comes out at their places of `draw`."""

    def column(values_M: Sequence[float], dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.tensor(values_M, dtype=dtype, device=logits_MS.device)[:, None]

    asked_M = [rows.sampling[row] for row in indices]
    top_k_M = [1 if asked.temperature == 0 else asked.top_k for asked in asked_M]
    top_p_M = [asked.top_p for asked in asked_M]
    min_p_M = [asked.min_p for asked in asked_M]
    logits_MS = logits_MS / column([asked.temperature or 1.0 for asked in asked_M], logits_MS.dtype)
    kept_MS: Tensor | None = None
    if max(top_k_M) > 0 or min(top_p_M) < 1.0 or max(min_p_M) > 0:
        kept_MS = nucleus(logits_MS, column(top_k_M, torch.int64), column(top_p_M), column(min_p_M))
        logits_MS = logits_MS.masked_fill(~kept_MS, -torch.inf)
    # One pass of exp, which is most of the cost: log p = x - log sum exp x, H = log sum exp x - sum p x.
    logits_MS = logits_MS - logits_MS.amax(dim=-1, keepdim=True)
    weights_MS = logits_MS.exp()
    total_M1 = weights_MS.sum(dim=-1, keepdim=True)
    choice_M1 = _invert(weights_MS, column(rows.uniform_B[indices].tolist()))
    log_total_M = total_M1.log()[:, 0]
    finite_MS = logits_MS if kept_MS is None and candidates is None else logits_MS.clamp(min=_LEAST_LOGIT)
    entropy_M = (log_total_M - (weights_MS * finite_MS).sum(dim=-1) / total_M1[:, 0]).clamp(min=0.0)
    logprob_M = (logits_MS.gather(1, choice_M1)[:, 0] - log_total_M).tolist()
    supports = _supports(kept_MS, candidates, rows, indices)
    results = zip(indices, choice_M1[:, 0].tolist(), logprob_M, entropy_M.tolist(), supports, strict=True)
    for place, (row, choice, logprob, nats, support) in enumerate(results):
        draw.tokens[row] = choice if candidates is None else candidates[place][choice]
        draw.logprobs[row] = logprob
        draw.entropies[row] = nats
        draw.supports[row] = support


def nucleus(logits_MS: Tensor, top_k_M1: Tensor, top_p_M1: Tensor, min_p_M1: Tensor) -> Tensor:
    """Return which candidates [M, S] min-p, top-k and then top-p keep; 0, 0 and 1.0 keep all.

    Candidates that are ruled out already come as -inf and are never kept.
    """
    ordered_MS, order_MS = logits_MS.sort(dim=-1, descending=True, stable=True)
    rank_S = torch.arange(logits_MS.shape[1], device=logits_MS.device)
    ruled_out = ((top_k_M1 > 0) & (rank_S >= top_k_M1)) | (ordered_MS == -torch.inf)
    ruled_out |= (ordered_MS - ordered_MS[:, :1]).exp() < min_p_M1
    probs_MS = ordered_MS.masked_fill(ruled_out, -torch.inf).softmax(dim=-1)
    before_MS = running_sum(probs_MS) - probs_MS
    keep_MS = ~ruled_out & ((before_MS < top_p_M1) | (top_p_M1 >= 1.0) | (rank_S == 0))
    return torch.zeros_like(keep_MS).scatter(1, order_MS, keep_MS)


def running_sum(values_MS: Tensor) -> Tensor:
    """Return the cumulative sum along the last axis, the same each time.

    On CUDA torch adds floats up in no fixed order, and refuses to where deterministic algorithms are
    asked for; there the sums are made by doubling.
    """
    if values_MS.is_cuda and torch.are_deterministic_algorithms_enabled():
        return sum_by_doubling(values_MS)
    return values_MS.cumsum(dim=-1)


def sum_by_doubling(values_MS: Tensor) -> Tensor:
    """Return the cumulative sum of values that are not negative, by additions in a fixed order.

    Each round adds what lies twice as far back (Hillis and Steele 1986). Rounding differs from place to
    place, so the sums are then made to never fall, and to stay exactly where a value is 0.
    """
    sums_MS, shift = values_MS, 1
    while shift < values_MS.shape[-1]:
        sums_MS = torch.cat((sums_MS[:, :shift], sums_MS[:, shift:] + sums_MS[:, :-shift]), dim=-1)
        shift *= 2
    return sums_MS.masked_fill(values_MS == 0, 0.0).cummax(dim=-1).values


def _invert(weights_MS: Tensor, uniform_M1: Tensor) -> Tensor:
    """Return the place [M, 1] at which the cumulative weights pass the share `uniform` of their sum."""
    cumulative_MS = running_sum(weights_MS)
    target_M1 = uniform_M1.to(weights_MS.dtype) * cumulative_MS[:, -1:]
    choice_M1 = torch.searchsorted(cumulative_MS, target_M1, right=True)
    # Rounding may carry the target to the last sum: take the last candidate with any weight.
    last_M1 = weights_MS.shape[1] - 1 - (weights_MS > 0).flip(1).int().argmax(dim=1, keepdim=True)
    return torch.minimum(choice_M1, last_M1)


def _supports(
    kept_MS: Tensor | None, candidates: list[list[int]] | None, rows: SamplingRows, indices: list[int]
) -> list[tuple[int, ...] | None]:
    if kept_MS is None:
        if candidates is None:
            return [None] * len(indices)
        return [tuple(rows.allowed[row] or ()) for row in indices]
    counts = kept_MS.sum(dim=1).tolist()
    places = kept_MS.nonzero()[:, 1].tolist()
    supports: list[tuple[int, ...] | None] = []
    start = 0
    for place, (row, count) in enumerate(zip(indices, counts, strict=True)):
        mine = places[start : start + count]
        start += count
        if candidates is not None:
            supports.append(tuple(candidates[place][column] for column in mine))
        elif count == kept_MS.shape[1] and rows.sampling[row].temperature != 0:
            supports.append(None)
        else:
            supports.append(tuple(mine))
    return supports
