"""The share of a batch that one optimizer step learns from.

Shapes: _N targets of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..losses import Objective, TokenBatch, aggregation_weights
from .forward import MicroBatch, Scored
from .sequences import Floats, Ints, PackedBatch


@dataclass(frozen=True, slots=True)
class MiniBatch:
    """The units of one optimizer step, and the numbers of the batch's targets."""

    batch: PackedBatch
    units: Sequence[Ints]  # sequences that stay together
    advantage_N: Floats
    old_N: Floats | None  # None: those of the step's own pass
    reference_N: Floats | None
    filtered_N: Floats | None = None  # logprobs of the old policy without its least likely tokens

    @property
    def num_targets(self) -> int:
        """Return how many tokens of the mini-batch the loss sees."""
        return sum(self.batch.sequences[i].num_targets for unit in self.units for i in unit)

    def weights(self, objective: Objective) -> Floats:
        """Return the aggregation's weight of each target; 0 outside of the mini-batch."""
        index = self.targets()
        weights_N = np.zeros(self.batch.num_targets)
        weights_N[index] = aggregation_weights(
            objective.aggregation,
            self.batch.row_N[index],
            self.batch.trajectory_N[index],
            objective.config.constant_length,
        )
        return weights_N

    @property
    def share(self) -> float:
        """Return the share of its targets that have an advantage."""
        index = self.targets()
        return float(np.count_nonzero(self.advantage_N[index])) / max(1, len(index))

    @property
    def size(self) -> float:
        """Return the mean size of its targets' advantages."""
        return float(np.abs(self.advantage_N[self.targets()]).mean())

    def teaching(self, value_N: Floats) -> list[Ints]:
        """Return the units in which some target has a value other than 0, or one where no unit has.

        Args:
            value_N: of every target of the batch, e.g. its advantage.
        """
        return [
            unit for unit in self.units if any(value_N[self.batch.sequences[i].targets].any() for i in unit)
        ] or list(self.units[:1])

    def tokens(self, micro: MicroBatch, scored: Scored, weights_N: Floats) -> TokenBatch:
        """Return the targets of a micro-batch as the objective takes them."""
        return self.columns(micro.index_N, scored.logp_N, scored.entropy_N, weights_N)

    def columns(self, index_N: Ints, logp_N: Tensor, entropy_N: Tensor, weights_N: Floats) -> TokenBatch:
        """Return some targets as the objective takes them.

        Args:
            index_N: their places in the batch.
            logp_N: logprobs of the current policy.
            entropy_N: nats.
            weights_N: of every target of the batch, by `weights`.
        """

        def pick(array_N: NDArray[np.generic], dtype: torch.dtype = logp_N.dtype) -> Tensor:
            return torch.from_numpy(array_N[index_N]).to(logp_N.device, dtype)

        def codes(array_N: Ints) -> Tensor:
            return torch.from_numpy(np.unique(array_N[index_N], return_inverse=True)[1]).to(logp_N.device)

        owner_N = self.batch.trajectory_N
        return TokenBatch(
            logp_N=logp_N,
            old_N=logp_N.detach() if self.old_N is None else pick(self.old_N),
            behaviour_N=pick(self.batch.behaviour_N),
            entropy_N=entropy_N,
            advantage_N=pick(self.advantage_N),
            weight_N=pick(weights_N),
            turn_N=codes(self.batch.row_N),
            trajectory_N=codes(owner_N),
            reference_N=None if self.reference_N is None else pick(self.reference_N),
            stale_N=pick(self.batch.stale_N, torch.bool),
            num_minibatch=self.num_targets,
            filtered_N=None if self.filtered_N is None else pick(self.filtered_N),
            group_N=codes(self.batch.group_T[owner_N]),
            won_N=pick(self.batch.won_T[owner_N]),
        )

    def targets(self) -> Ints:
        """Return the places of its targets in the batch [N], sequence by sequence."""
        return np.concatenate([self.batch.sequences[i].targets for unit in self.units for i in unit])
