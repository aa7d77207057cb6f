"""What changes logits before any draw: biases, a least length, and penalties for what was said.

Order, as vLLM's: logit_bias is added; up to min_tokens what ends a message cannot be drawn;
repetition_penalty (arXiv 1909.05858) divides positive logits of tokens in prompt or message and
multiplies negative ones; frequency_penalty is taken off once for each time that the message said a
token, presence_penalty once. A learner replays none of this.

Shapes: _B rows, _V vocabulary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..sampling import Sampling

# Stands for -inf, so that entropies stay numbers.
_LEAST_LOGIT = -1e30


@dataclass(frozen=True, slots=True)
class Said:
    """What a row has said so far, and what ends it."""

    sampling: Sampling
    prompt_ids: Sequence[int]  # [P]
    token_ids: Sequence[int]  # [L]
    ends: Iterable[int]  # tokens that end the message


@torch.inference_mode()
def shaped(logits_BV: Tensor, rows: Mapping[int, Said]) -> Tensor:
    """Return logits in which some rows, by their places, are as they ask for."""
    if not rows:
        return logits_BV
    logits_BV = logits_BV.float().clone()
    for place, row in rows.items():
        _shape(logits_BV[place], row)
    return logits_BV


def _shape(logits_V: Tensor, row: Said) -> None:
    """Change one row's logits in place."""
    sampling = row.sampling

    def tokens(ids: Iterable[int]) -> Tensor:
        return torch.tensor(list(ids), dtype=torch.int64, device=logits_V.device)

    if sampling.logit_bias:
        biases = torch.tensor(list(sampling.logit_bias.values()), device=logits_V.device)
        logits_V[tokens(map(int, sampling.logit_bias))] += biases
    if len(row.token_ids) < sampling.min_tokens:
        logits_V[tokens(row.ends)] = _LEAST_LOGIT
    if sampling.repetition_penalty != 1.0:
        seen = tokens({*row.prompt_ids, *row.token_ids})
        values = logits_V[seen]
        penalty = sampling.repetition_penalty
        logits_V[seen] = torch.where(values > 0, values / penalty, values * penalty)
    if (sampling.frequency_penalty or sampling.presence_penalty) and row.token_ids:
        times = Counter(row.token_ids)
        counts = torch.tensor(list(times.values()), device=logits_V.device)
        logits_V[tokens(times)] -= sampling.frequency_penalty * counts + sampling.presence_penalty
