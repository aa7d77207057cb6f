"""Replay of the sampling transformation, differentiable, for the learner.

A generation stores for each token its support: the tokens that could have been
drawn there, after the mask of the admissible actions, top-k and top-p as they
fell under the behaviour policy. The replayed distribution is the softmax over
that stored support of the current logits divided by the temperature. The
support is held fixed: it is part of how the token was sampled, not a function
of the current weights, so ratios compare two distributions over one set.

A support of one token is a forced token: logprob and entropy are 0, and it
belongs neither in a loss nor in its denominator (`num_choices`).

Shapes: _N tokens, _V vocabulary, _M tokens with a stored support, _S the widest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import UsageError
from .sampling import precise

Entropy = Literal["learned", "measured", "off"]
"""What becomes of the entropies: they have a gradient too, are numbers alone, or are not computed."""


def num_choices(supports: Sequence[tuple[int, ...] | None], vocab_size: int) -> NDArray[np.int64]:
    """Return [N] how many tokens could have been drawn at each place; 1 is a forced token."""
    counts = [vocab_size if support is None else len(support) for support in supports]
    return np.asarray(counts, dtype=np.int64)


def replay(
    logits_NV: Tensor,
    tokens_N: Sequence[int],
    supports: Sequence[tuple[int, ...] | None],
    temperature: float | Sequence[float],
    entropy: Entropy = "learned",
) -> tuple[Tensor, Tensor]:
    """Return logprobs [N] of the chosen tokens and entropies [N] in nats.

    Both are float64 (float32 for vocabularies above 16 384 tokens without a
    stored support) and differentiable with respect to the logits. On the
    logits that sampled, the logprobs equal those of `sample`.

    Args:
        logits_NV: raw logits, before any temperature.
        tokens_N: the chosen tokens.
        supports: what could have been drawn at each place; None is everything.
        temperature: of the sampling, one number or one a token; 0 (greedy) comes
            with supports of one token, for which it does not matter.
        entropy: "learned" keeps some 9 bytes a token and entry of the vocabulary for the gradient;
            "off" leaves the entropies 0.

    Raises:
        UsageError: if the lengths differ, or a token is not in its support.
    """
    logprobs_N = torch.zeros(logits_NV.shape[0], dtype=torch.float64, device=logits_NV.device)
    entropies_N = torch.zeros_like(logprobs_N)
    for rows_M, logits_MS, place_M1 in _distributions(logits_NV, tokens_N, supports, temperature):
        logprobs_M, entropies_M = _full(logits_MS, place_M1, entropy)
        logprobs_N = logprobs_N.index_copy(0, rows_M, logprobs_M.to(torch.float64))
        entropies_N = entropies_N.index_copy(0, rows_M, entropies_M.to(torch.float64))
    return logprobs_N, entropies_N


@torch.no_grad()
def filtered(
    logits_NV: Tensor,
    tokens_N: Sequence[int],
    supports: Sequence[tuple[int, ...] | None],
    temperature: float | Sequence[float],
    min_p: float,
) -> Tensor:
    """Return logprobs [N] of the chosen tokens where unlikely ones cannot be drawn, -inf for these.

    Args:
        logits_NV: as of `replay`, and so are the next three.
        tokens_N: the chosen tokens.
        supports: what could have been drawn.
        temperature: of the sampling.
        min_p: a token is left out below so many parts of the likeliest one's probability.

    Raises:
        UsageError: as `replay`.
    """
    found_N = torch.zeros(logits_NV.shape[0], dtype=torch.float64, device=logits_NV.device)
    for rows_M, logits_MS, place_M1 in _distributions(logits_NV, tokens_N, supports, temperature):
        chance_MS = logits_MS.softmax(dim=-1)
        left_out_MS = chance_MS < min_p * chance_MS.amax(dim=-1, keepdim=True)
        kept_MS = logits_MS.masked_fill(left_out_MS, -torch.inf).log_softmax(dim=-1)
        found_N[rows_M] = kept_MS.gather(1, place_M1)[:, 0].double()
    return found_N


def _distributions(
    logits_NV: Tensor,
    tokens_N: Sequence[int],
    supports: Sequence[tuple[int, ...] | None],
    temperature: float | Sequence[float],
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return rows [M], the logits that were drawn from [M, S] and the place of the choice in them [M, 1]."""
    num = logits_NV.shape[0]
    temperatures = [float(temperature)] * num if isinstance(temperature, int | float) else list(temperature)
    if not len(tokens_N) == len(supports) == len(temperatures) == num:
        raise UsageError(
            f"replay: {num} logits, {len(tokens_N)} tokens, {len(supports)} supports and "
            f"{len(temperatures)} temperatures; expected one of each a token"
        )
    scales = [t if t > 0 else 1.0 for t in temperatures]
    scale_N1 = torch.tensor(scales, dtype=torch.float64, device=logits_NV.device)[:, None]
    wide = [row for row, support in enumerate(supports) if support is None]
    narrow = [(row, support) for row, support in enumerate(supports) if support is not None]
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    if wide:
        rows_M = torch.tensor(wide, device=logits_NV.device)
        chosen_M1 = torch.tensor([[tokens_N[row]] for row in wide], device=logits_NV.device)
        # copies of a whole vocabulary are most of the time and memory here: none where nothing changes
        logits_MV = precise(logits_NV[rows_M] if narrow else logits_NV)
        if any(scale != 1.0 for scale in scales):
            logits_MV = logits_MV / scale_N1[rows_M].to(logits_MV.dtype)
        parts.append((rows_M, logits_MV, chosen_M1))
    if narrow:
        rows_M = torch.tensor([row for row, _ in narrow], device=logits_NV.device)
        index_MS = _pad([support for _, support in narrow]).to(logits_NV.device)
        chosen_M = torch.tensor([tokens_N[row] for row, _ in narrow], device=logits_NV.device)
        is_choice_MS = index_MS == chosen_M[:, None]
        _check_chosen(is_choice_MS, narrow, tokens_N)
        logits_MS = logits_NV[rows_M[:, None], index_MS.clamp(min=0)].double() / scale_N1[rows_M]
        logits_MS = logits_MS.masked_fill(index_MS < 0, -torch.inf)
        place_M1 = is_choice_MS.int().argmax(dim=1, keepdim=True)
        parts.append((rows_M, logits_MS, place_M1))
    return parts


def _full(logits_MS: Tensor, choice_M1: Tensor, entropy: Entropy) -> tuple[Tensor, Tensor]:
    """Return logprob [M] of the choice and entropy [M] of a softmax over the last axis."""
    logprobs_MS = logits_MS.log_softmax(dim=-1)
    logprobs_M = logprobs_MS.gather(1, choice_M1)[:, 0]
    if entropy == "off":
        return logprobs_M, torch.zeros_like(logprobs_M)
    with torch.set_grad_enabled(entropy == "learned" and torch.is_grad_enabled()):
        # -inf * 0 has no derivative: padded candidates are replaced before the product.
        finite_MS = logprobs_MS.masked_fill(logprobs_MS == -torch.inf, 0.0)
        entropies_M = -(logprobs_MS.exp() * finite_MS).sum(dim=-1)
    return logprobs_M, entropies_M


def _pad(supports: Sequence[tuple[int, ...]]) -> Tensor:
    """Return the supports as one array [M, S], padded with -1."""
    counts_M = np.fromiter(map(len, supports), dtype=np.int64, count=len(supports))
    index_MS = np.full((len(supports), int(counts_M.max())), -1, dtype=np.int64)
    flat = np.fromiter(chain.from_iterable(supports), dtype=np.int64, count=int(counts_M.sum()))
    index_MS[np.arange(index_MS.shape[1]) < counts_M[:, None]] = flat
    return torch.from_numpy(index_MS)


def _check_chosen(
    is_choice_MS: Tensor, narrow: Sequence[tuple[int, tuple[int, ...]]], tokens_N: Sequence[int]
) -> None:
    found_M = is_choice_MS.any(dim=1)
    if not bool(found_M.all()):
        row, support = narrow[int((~found_M).nonzero()[0, 0])]
        raise UsageError(f"replay: token {tokens_N[row]} at place {row} is not in its support {support[:8]}")
