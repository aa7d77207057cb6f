"""From the tokens of a mini-batch to its trajectories and groups.

Shapes: _N tokens, _T trajectories, _G groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import UsageError
from .objective import TokenBatch


@dataclass(frozen=True, slots=True)
class Members:
    """The trajectories of a mini-batch that have tokens in it, and the groups they belong to."""

    trajectory_N: Tensor  # int64, from 0
    length_T: Tensor  # tokens
    group_T: Tensor  # int64, from 0
    size_G: Tensor  # trajectories
    won_T: Tensor  # bool

    @classmethod
    def of(cls, batch: TokenBatch, loss: str) -> Members:
        """Read them off a mini-batch.

        Raises:
            UsageError: if it has no groups, or it is not known of every trajectory whether it was won.
        """
        if batch.group_N is None or batch.won_N is None:
            raise UsageError(f"loss {loss} compares the trajectories of groups; give group_N and won_N")
        if bool(batch.won_N.isnan().any()):
            raise UsageError(
                f"loss {loss} needs to know which episodes succeeded, and some do not say: let the "
                'environment set info["won"] in every reply, let a program post "success" with its last '
                "reward, or choose another loss"
            )
        length_T = torch.bincount(batch.trajectory_N)
        first_T = torch.zeros_like(length_T).scatter_(
            0, batch.trajectory_N, torch.arange(len(batch.trajectory_N), device=length_T.device)
        )
        group_T = batch.group_N[first_T]
        return cls(
            trajectory_N=batch.trajectory_N,
            length_T=length_T,
            group_T=group_T,
            size_G=torch.bincount(group_T),
            won_T=batch.won_N[first_T] > 0.5,
        )

    def totals(self, value_N: Tensor) -> Tensor:
        """Return the sum over each trajectory's tokens [T]."""
        return value_N.new_zeros(len(self.length_T)).index_add(0, self.trajectory_N, value_N)

    def means(self, value_N: Tensor) -> Tensor:
        """Return the mean over each trajectory's tokens [T]."""
        return self.totals(value_N) / self.length_T

    def by_group(self, value_T: Tensor) -> Tensor:
        """Return the sum over each group's trajectories [G]."""
        return value_T.new_zeros(len(self.size_G)).index_add(0, self.group_T, value_T)
