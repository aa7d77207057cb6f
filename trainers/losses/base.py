"""How a loss is written and found by name.

A loss is a pure function of flat tensors, one entry a sampled token [N]: it
takes the probability ratio new/old (already at the recipe's ratio level), the
advantage and the new logprobs, and returns one number a token. Aggregation,
KL, entropy and off-policy weights are common to all and live beside it.

A loss of one's own is a decorator and a function:

    @register("plain", aggregation="token_mean", ratio_level="token")
    def plain(ratio_N, advantage_N, logp_N):
        return Terms(-ratio_N * advantage_N)

One that reads more says what it `sees`: "tokens" gives it the ratio and the TokenBatch of
a piece, "groups" the ratio and the TokenBatch of the whole mini-batch, in which no group is
cut. What compares the trajectories of a group with each other returns a `Whole`, one number
for the mini-batch, made of the tokens' logprobs in any way:

    @register("margin", aggregation="trajectory_mean", ratio_level="token", sees="groups", credit=False)
    def margin(ratio_N, batch):
        ahead_N = segment_mean(batch.logp_N, batch.trajectory_N) - segment_mean(batch.logp_N, batch.group_N)
        return Whole(-((2 * batch.won_N - 1) * ahead_N * batch.weight_N).sum())
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from torch import Tensor

from ..objective_config import Aggregation, Level
from ..parts import Named, Registry

LEVELS: tuple[str, ...] = get_args(Level)
AGGREGATIONS: tuple[str, ...] = get_args(Aggregation)
Sight = Literal["ratios", "tokens", "groups"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a loss gives each token: its value and where a bound was active."""

    loss_N: Tensor
    low_N: Tensor | None = None  # bool: the lower bound cut the gradient
    high_N: Tensor | None = None  # bool: the upper bound cut the gradient
    sums: Mapping[str, Tensor] = field(default_factory=dict)  # for the log, by name: sums over the tokens


@dataclass(frozen=True, slots=True)
class Whole:
    """What a loss gives that is one number for the mini-batch, and its figures for the log."""

    loss: Tensor
    figures: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(eq=False, kw_only=True)
class Loss(Named[Terms | Whole]):
    """A registered loss: call it with what it sees.

    Args:
        aggregation: that of its paper.
        ratio_level: that of its paper.
        sees: "ratios" are ratio, advantage and logprob of each token; "tokens" the ratio and all columns
            of a piece of a mini-batch; "groups" the same of a whole mini-batch, its groups uncut.
        credit: whether it teaches by advantages; else tokens without one have a gradient too.
        filtered_by: the parameter (a min_p) that filters the old policy whose logprobs it reads; empty: none.
    """

    aggregation: Aggregation
    ratio_level: Level
    sees: Sight = "ratios"
    credit: bool = True
    filtered_by: str = ""


REGISTRY = Registry("loss", Loss)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
