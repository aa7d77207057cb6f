"""Steps down a loss: optimizers, their schedule, a limit on the gradient, and a check that all is finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from ...agents.models import CausalLM
from ...errors import TrainingError
from .config import OptimConfig
from .copies import Copies, copies_for
from .group import ALONE, Group


class Descent:
    """The optimizers over the weights of one model.

    Args:
        parameters: all that is trained; their gradient is cut as one.
        optimizers: each over its own share of the parameters, made with its full learning rate.
        max_grad_norm: a longer gradient is cut to it; 0: no limit.
        advice: what to do about a loss that is not finite, for its error.
        copies: those among the parameters that stand for a model's weights, if they do.
        group: the ranks that step together, each with its part of every gradient.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        optimizers: Sequence[torch.optim.Optimizer],
        max_grad_norm: float,
        advice: str,
        copies: Copies | None = None,
        group: Group = ALONE,
    ) -> None:
        self._parameters = list(parameters)
        self._rates = {optimizer: float(optimizer.param_groups[0]["lr"]) for optimizer in optimizers}
        self._max_grad_norm = max_grad_norm if max_grad_norm > 0 else math.inf
        self._advice = advice
        self.copies = copies
        self._group = group

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimizers, whose state is theirs to save."""
        return list(self._rates)

    def step(
        self,
        backward: Callable[[], float],
        *,
        factor: float,
        where: str,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[float, float]:
        """Take one step; none where the gradient is exactly 0.

        Adam divides by the size of past gradients. A batch in which every group won teaches nothing, and
        as a gradient of 0 it would only make that size be forgotten: after some of them the first sample
        that went wrong would move every weight by several times the learning rate.

        Args:
            backward: adds the gradient to the weights and returns the loss.
            factor: on the learning rates.
            where: which step this is, for errors.
            check: raises if the step would spoil the weights.

        Returns:
            the loss, and the norm of the gradient before it was cut.

        Raises:
            TrainingError: if loss or gradient is not finite; the weights are those before the step.
        """
        for optimizer, rate in self._rates.items():
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        self._free_gradients()
        loss = backward()
        norm = float(self._group.whole(nn.utils.clip_grad_norm_(self._parameters, self._max_grad_norm)))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"{where}: loss {loss}, gradient norm {norm}; the weights are those before the step. "
                f"{self._advice}"
            )
        check()
        if norm > 0.0:
            for optimizer in self._rates:
                optimizer.step()
            if self.copies is not None:
                self.copies.publish()
        self._free_gradients()  # the rollout that follows has use for their memory
        return loss, norm

    def _free_gradients(self) -> None:
        for optimizer in self._rates:
            optimizer.zero_grad(set_to_none=True)


def adamw(model: CausalLM, optim: OptimConfig, group: Group = ALONE) -> Descent:
    """Return AdamW over the weights of a model that train, or over copies of them where settings ask."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    copies = copies_for(weights, optim)
    moved = weights if copies is None else copies.parameters
    optimizer = torch.optim.AdamW(
        moved,
        lr=optim.learning_rate,
        betas=optim.betas,
        eps=optim.adam_epsilon,
        weight_decay=optim.weight_decay,
        fused=True,
    )
    advice = "Lower optim.learning_rate or look for huge rewards in the log"
    return Descent(moved, [optimizer], optim.max_grad_norm, advice, copies, group)


def schedule_factor(optim: OptimConfig, update: int, total_updates: int) -> float:
    """Return the factor on the learning rate at an update of so many."""
    warmup = optim.warmup_updates
    if update < warmup:
        return (update + 1) / (warmup + 1)
    if optim.schedule == "constant" or total_updates <= warmup:
        return 1.0
    done = min(1.0, (update - warmup) / (total_updates - warmup))
    return 1.0 - done if optim.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
