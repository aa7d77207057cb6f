"""Logprobs of what was sampled, under the distribution that sampled it.

Shapes: _N targets, _B sequences, _L places, _D hidden width.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...agents.decoding import replay
from ...agents.models import CausalLM
from .sequences import MicroBatch, PackedBatch, collate, group_units, split

__all__ = ["Scored", "device_of", "score", "score_batch"]


class Scored:
    """Hold logprobs and entropies of a micro-batch, and the hidden states they came from."""

    __slots__ = ("entropy_N", "hidden_MD", "logp_N")

    def __init__(self, logp_N: Tensor, entropy_N: Tensor, hidden_MD: Tensor) -> None:
        self.logp_N, self.entropy_N, self.hidden_MD = logp_N, entropy_N, hidden_MD


def device_of(model: CausalLM) -> torch.device:
    """Return the device of a model's parameters."""
    return next(iter(model.parameters())).device


def score(model: CausalLM, micro: MicroBatch) -> Scored:
    """Run a model over a micro-batch; logits exist only at the targets.

    Returns:
        logprobs and entropies [N] after temperature and support, and the hidden
        states of all places [B * L, D].
    """
    hidden_BLD = model.hidden(micro.ids_BL, micro.lengths_B)
    hidden_MD = hidden_BLD.reshape(-1, hidden_BLD.shape[-1])
    logits_NV = model.head(hidden_MD[micro.flat_N])
    logp_N, entropy_N = replay(logits_NV, micro.tokens, micro.supports, micro.temperatures)
    return Scored(logp_N, entropy_N, hidden_MD)


def score_batch(model: CausalLM, batch: PackedBatch, max_tokens: int) -> NDArray[np.float64]:
    """Return the logprob of every target of a batch [N], without gradient."""
    logp_N = np.zeros(batch.num_targets)
    device = device_of(model)
    with torch.no_grad():
        for chosen in split(batch, group_units(batch, "turn"), max_tokens):
            micro = collate(batch, chosen, device)
            if len(micro.index_N):
                logp_N[micro.index_N] = score(model, micro).logp_N.double().cpu().numpy()
    return logp_N
