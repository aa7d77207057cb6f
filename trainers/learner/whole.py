"""The gradient of an objective that sees a mini-batch whole, in two passes of any pieces.

An objective is a function of the logprobs of the tokens, and of their entropies where these teach.
The first pass finds these numbers, without a gradient and in micro-batches of any cut. The objective
is evaluated on all of them at once, which gives its slope along each. The second pass adds, piece by
piece, the gradient of the sum of slope times logprob: by the chain rule that of the objective.
So memory is that of the same micro-batches as for any other loss, and a few numbers a token; no group
is too large. It costs one more forward pass.

Shapes: _N targets of the batch, _M those of the mini-batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...agents.models import CausalLM
from ..losses import Objective, Outcome
from .config import OptimConfig
from .forward import MicroBatch, Scored, compute_along, device_of, micro_batches, score
from .group import ALONE, Group
from .minibatch import MiniBatch
from .sequences import Floats, Ints


def backward_whole(
    model: CausalLM, mini: MiniBatch, objective: Objective, optim: OptimConfig, group: Group = ALONE
) -> Outcome:
    """Add the gradient of an objective of a whole mini-batch to the weights of a model.

    Where one micro-batch holds all of it, one pass does. Ranks share the passes; each evaluates the
    objective on all that they found.

    Args:
        model: whose weights have the gradient.
        mini: the mini-batch.
        objective: which sees all of it at once.
        optim: the size of micro-batches, and how they are computed.
        group: the ranks that share the passes.

    Returns:
        what the objective found; it keeps nothing of the passes.
    """
    passes = _Passes(model, mini, objective, optim, group)
    weights_N, index_M = mini.weights(objective), mini.targets()
    pieces = passes.cut(mini.units)
    if len(pieces) == 1 and group.world == 1:
        outcome = objective(mini.tokens(pieces[0], passes.score(pieces[0]), weights_N))
        torch.autograd.backward(outcome.loss)
        return replace(outcome, loss=outcome.loss.detach())
    number_N2 = group.sum(passes.numbers(pieces))
    number_M2 = torch.from_numpy(number_N2[index_M]).to(passes.device)
    logp_M, entropy_M = number_M2[:, 0].clone(), number_M2[:, 1].clone()
    logp_M.requires_grad_()
    entropy_M.requires_grad_(objective.entropy == "learned")
    outcome = objective(mini.columns(index_M, logp_M, entropy_M, weights_N))
    torch.autograd.backward(outcome.loss)
    passes.spread(index_M, logp_M.grad, entropy_M.grad)
    return replace(outcome, loss=outcome.loss.detach())


@dataclass(frozen=True, slots=True)
class _Passes:
    """A model run over the pieces of a mini-batch."""

    model: CausalLM
    mini: MiniBatch
    objective: Objective
    optim: OptimConfig
    group: Group

    @property
    def device(self) -> torch.device:
        return device_of(self.model)

    def cut(self, units: Sequence[Ints]) -> list[MicroBatch]:
        """Return the micro-batches of some units, whose sequences may part."""
        single = [np.array([index]) for unit in units for index in unit]
        return list(micro_batches(self.mini.batch, single, self.optim.micro_tokens, self.device, self.group))

    def score(self, piece: MicroBatch) -> Scored:
        return score(self.model, piece, self.optim.head_chunk, self.objective.entropy)

    @torch.no_grad()
    def numbers(self, pieces: Sequence[MicroBatch]) -> Floats:
        """Return logprob and entropy of each target [N, 2]; 0 outside of the mini-batch."""
        number_N2 = np.zeros((self.mini.batch.num_targets, 2))
        for piece in pieces:
            scored = self.score(piece)
            both = torch.stack([scored.logp_N, scored.entropy_N], dim=1)
            number_N2[piece.index_N] = both.double().cpu().numpy()
        return number_N2

    def spread(self, index_M: Ints, logp_M: Tensor | None, entropy_M: Tensor | None) -> None:
        """Add the gradient of the sum of slope times number to the weights.

        Args:
            index_M: the targets of the mini-batch.
            logp_M: the objective's slope along each logprob; None: it has none.
            entropy_M: the same along each entropy.
        """
        slope_N2 = np.zeros((self.mini.batch.num_targets, 2))
        for column, slope_M in enumerate((logp_M, entropy_M)):
            if slope_M is not None:
                slope_N2[index_M, column] = slope_M.cpu().numpy()
        idle = self.optim.skip_idle and not self.objective.teaches_all
        units = self.mini.teaching(np.abs(slope_N2).sum(axis=1)) if idle else self.mini.units
        for piece in self.cut(units):
            if not len(piece.index_N):
                compute_along(self.model, piece)
                continue
            scored = self.score(piece)
            slope_M2 = torch.from_numpy(slope_N2[piece.index_N]).to(self.device)
            total = (slope_M2[:, 0] * scored.logp_N).sum()
            if entropy_M is not None:
                total = total + (slope_M2[:, 1] * scored.entropy_N).sum()
            torch.autograd.backward(total)
