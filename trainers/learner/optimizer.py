"""Steps down a loss with the optimizers and the schedule of a warm start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ...agents.models import CausalLM
from ...errors import TrainingError
from ..sections import WarmstartSection

__all__ = ["Descent"]


class Descent:
    """Hold the optimizers of a warm start: AdamW, and Muon where it is asked for.

    Muon (Jordan et al. 2024, in torch.optim) steps along the orthogonalised momentum of
    a matrix, without decay; norms and biases stay with AdamW. Its author leaves the
    embedding to AdamW too; here it is tied to the output and takes part. Whether that
    matters was not measured with everything else equal.

    Args:
        model: trained in place.
        section: the optimizer and its learning rates.
    """

    def __init__(self, model: CausalLM, section: WarmstartSection) -> None:
        self._weights = list(model.parameters())
        matrices: list[torch.nn.Parameter] = []
        rest: list[torch.nn.Parameter] = []
        for weight in self._weights:
            (matrices if section.optimizer == "muon" and weight.dim() == 2 else rest).append(weight)
        adamw = torch.optim.AdamW(
            rest, lr=section.learning_rate, betas=(0.9, 0.98), weight_decay=section.weight_decay, fused=True
        )
        self._rates: dict[torch.optim.Optimizer, float] = {adamw: section.learning_rate}
        if matrices:
            muon_rate = section.muon_learning_rate
            self._rates[torch.optim.Muon(matrices, lr=muon_rate, weight_decay=0.0)] = muon_rate

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimizers, whose state is theirs to save."""
        return list(self._rates)

    def step(self, share: float, backward: Callable[[], float]) -> float:
        """Take one step; return the loss.

        Args:
            share: how much is done, 0 to 1, which decides the learning rate.
            backward: adds the gradient to the weights and returns the loss.

        Raises:
            TrainingError: if the loss or its gradient is not finite.
        """
        for optimizer, rate in self._rates.items():
            for group in optimizer.param_groups:
                group["lr"] = rate * _schedule(share)
            optimizer.zero_grad(set_to_none=True)
        loss = backward()
        norm = float(torch.nn.utils.clip_grad_norm_(self._weights, 1.0))
        if not np.isfinite(loss) or not np.isfinite(norm):
            raise TrainingError(
                f"warm start: loss {loss}, gradient norm {norm}; lower warmstart.learning_rate"
            )
        for optimizer in self._rates:
            optimizer.step()
        return loss


def _schedule(share: float) -> float:
    """Return the factor on the learning rate: a short warm-up, then a cosine to 5 %."""
    if share < 0.05:
        return 0.05 + 0.95 * share / 0.05
    return float(0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * (share - 0.05) / 0.95)))
