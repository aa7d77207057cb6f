"""How a loss is written and found by name.

A loss is a pure function of flat tensors, one entry a sampled token [N]: it
takes the probability ratio new/old (already at the recipe's ratio level), the
advantage and the new logprobs, and returns one number a token. Aggregation,
KL, entropy and off-policy weights are common to all and live beside it.

A loss of one's own is a decorator and a function:

    @register("plain", aggregation="token_mean", ratio_level="token")
    def plain(ratio_N, advantage_N, logp_N):
        return Terms(-ratio_N * advantage_N)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from torch import Tensor

from ...errors import UnknownName, UsageError
from ..objective_config import Aggregation, Level

__all__ = ["AGGREGATIONS", "LEVELS", "Loss", "Terms", "get", "names", "register"]

LEVELS: tuple[str, ...] = get_args(Level)
AGGREGATIONS: tuple[str, ...] = get_args(Aggregation)


@dataclass(frozen=True, slots=True)
class Terms:
    """Hold what a loss says of each token: its value and where a bound was active."""

    loss_N: Tensor
    low_N: Tensor | None = None  # bool: the lower bound cut the gradient
    high_N: Tensor | None = None  # bool: the upper bound cut the gradient


LossFunction = Callable[..., Terms]


@dataclass(frozen=True, slots=True)
class Loss:
    """Be a registered loss with the aggregation and ratio level of its paper."""

    name: str
    function: LossFunction
    aggregation: Aggregation
    ratio_level: Level
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def check_params(self, params: Mapping[str, Any]) -> None:
        """Refuse parameters that the loss does not have.

        Raises:
            UnknownName: naming the closest parameter.
        """
        for key in params:
            if key not in self.defaults:
                raise UnknownName(f"parameter of loss {self.name}", key, self.defaults)

    def __call__(self, ratio_N: Tensor, advantage_N: Tensor, logp_N: Tensor, **params: Any) -> Terms:
        """Evaluate the loss on flat tensors."""
        return self.function(ratio_N, advantage_N, logp_N, **params)


_LOSSES: dict[str, Loss] = {}


def register(
    name: str, *, aggregation: Aggregation, ratio_level: Level
) -> Callable[[LossFunction], LossFunction]:
    """Register a loss under a name, with the aggregation and ratio level that belong to it.

    Raises:
        UsageError: if the name is taken.
    """

    def keep(function: LossFunction) -> LossFunction:
        if name in _LOSSES:
            raise UsageError(f"loss {name!r} is registered already: choose another name")
        parameters = inspect.signature(function).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        _LOSSES[name] = Loss(name, function, aggregation, ratio_level, defaults)
        return function

    return keep


def get(name: str) -> Loss:
    """Return the loss registered under a name.

    Raises:
        UnknownName: with the closest names.
    """
    if name not in _LOSSES:
        raise UnknownName("loss", name, _LOSSES)
    return _LOSSES[name]


def names() -> list[str]:
    """Return the names of all losses, sorted."""
    return sorted(_LOSSES)
