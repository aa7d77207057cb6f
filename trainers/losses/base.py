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

from dataclasses import dataclass
from typing import get_args

from torch import Tensor

from ..objective_config import Aggregation, Level
from ..parts import Named, Registry

LEVELS: tuple[str, ...] = get_args(Level)
AGGREGATIONS: tuple[str, ...] = get_args(Aggregation)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a loss gives each token: its value and where a bound was active."""

    loss_N: Tensor
    low_N: Tensor | None = None  # bool: the lower bound cut the gradient
    high_N: Tensor | None = None  # bool: the upper bound cut the gradient


@dataclass(eq=False, kw_only=True)
class Loss(Named[Terms]):
    """A registered loss with the aggregation and ratio level of its paper; call it with flat tensors."""

    aggregation: Aggregation
    ratio_level: Level


REGISTRY = Registry("loss", Loss)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
