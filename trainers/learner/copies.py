"""Copies of weights that an optimizer moves in their stead: in float32, or in the memory of the CPU.

Where weights have 16 bits, a step of 1e-6 is below half a unit of most of them: they stand still. A
float32 copy takes the step, and the weights are the copy rounded (mixed precision training,
arXiv 1710.03740).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CheckpointError
from .config import OptimConfig


class Copies:
    """A copy of each weight, with the gradient that backward passes add up for it.

    A weight's own gradient is freed as soon as the copy has it, so that gradients in 16 bits are never
    summed, and exist one at a time.

    Args:
        weights: what the model computes with.
        device: where the copies live; by default where the weights do.
    """

    def __init__(self, weights: Sequence[nn.Parameter], device: torch.device | None = None) -> None:
        self._weights = list(weights)
        self.parameters = [
            nn.Parameter(
                weight.detach().to(
                    device or weight.device, torch.promote_types(weight.dtype, torch.float32), copy=True
                )
            )
            for weight in self._weights
        ]
        for weight, copy in zip(self._weights, self.parameters, strict=True):
            weight.register_post_accumulate_grad_hook(_Handover(copy))  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def publish(self) -> None:
        """Round the copies into the weights."""
        for weight, copy in zip(self._weights, self.parameters, strict=True):
            weight.copy_(copy)

    def state(self) -> list[Tensor]:
        """Return the copies, for a checkpoint."""
        return [copy.detach() for copy in self.parameters]

    @torch.no_grad()
    def load(self, state: Sequence[Tensor]) -> None:
        """Take over copies that were saved."""
        for copy, saved in zip(self.parameters, state, strict=True):
            copy.copy_(saved)


class _Handover:
    """A hook that adds the gradient of a weight to that of its copy, and frees it."""

    def __init__(self, copy: nn.Parameter) -> None:
        self._copy = copy

    def __call__(self, weight: Tensor) -> None:
        if weight.grad is None:
            return
        gradient, weight.grad = weight.grad, None
        if self._copy.grad is None:
            self._copy.grad = gradient.to(self._copy.device, self._copy.dtype)
        else:
            self._copy.grad += gradient.to(self._copy.device)


def copies_for(weights: Iterable[nn.Parameter], optim: OptimConfig) -> Copies | None:
    """Return the copies that an optimizer of these settings moves; None where it moves the weights."""
    weights = list(weights)
    coarse = any(torch.finfo(weight.dtype).bits < 32 for weight in weights)
    if optim.adam == "offload":
        return Copies(weights, torch.device("cpu"))
    return Copies(weights) if coarse and optim.master == "float32" else None


def load_copies(copies: Copies | None, state: Mapping[str, Any]) -> None:
    """Take over the copies of a learner's state.

    Raises:
        CheckpointError: if there are none in it, and the recipe asks for them.
    """
    if copies is not None:
        copies.load(copies_in(state))


def copies_in(state: Mapping[str, Any]) -> Sequence[Tensor]:
    """Return the copies of a learner's state.

    Raises:
        CheckpointError: if there are none.
    """
    if not state.get("copies"):
        raise CheckpointError(
            "this checkpoint has no weights in float32 beside those in 16 bits: it was written by an earlier "
            'version, or with optim.master = "none"; go on with that, or start a new run'
        )
    found: Sequence[Tensor] = state["copies"]
    return found
