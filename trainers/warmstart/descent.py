"""The optimizers of a warm start, and their schedule."""

from __future__ import annotations

import numpy as np
import torch

from ...agents.models import CausalLM
from ..learner.config import OptimConfig
from ..learner.copies import copies_for
from ..learner.optimizer import Descent
from ..sections import WarmstartSection


def make_descent(model: CausalLM, section: WarmstartSection, memory: OptimConfig) -> Descent:
    """Return AdamW, and Muon where it is asked for.

    Muon (Jordan et al. 2024, in torch.optim) steps along the orthogonalised momentum of
    a matrix, without decay; norms and biases stay with AdamW. Its author leaves the
    embedding to AdamW too; here it is tied to the output and takes part. Whether that
    matters was not measured with everything else equal.

    Args:
        model: trained in place.
        section: the optimizer and its learning rates.
        memory: whether weights in 16 bits have copies in float32 that are moved in their stead.
    """
    matrices: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    copies = copies_for(trained, memory)
    moved = trained if copies is None else copies.parameters
    for weight in moved:
        (matrices if section.optimizer == "muon" and weight.dim() == 2 else rest).append(weight)
    rate, decay = section.learning_rate, section.weight_decay
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=decay, fused=True)
    ]
    if matrices:
        optimizers.append(torch.optim.Muon(matrices, lr=section.muon_learning_rate, weight_decay=0.0))
    return Descent(moved, optimizers, 1.0, "Lower warmstart.learning_rate", copies)


def schedule_factor(share: float) -> float:
    """Return the factor on the learning rate: a short warm-up, then a cosine to 5 %."""
    if share < 0.05:
        return 0.05 + 0.95 * share / 0.05
    return float(0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * (share - 0.05) / 0.95)))
