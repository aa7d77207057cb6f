"""PACS: whether a trajectory was won, predicted by how much likelier it became.

Shapes: _N tokens of a mini-batch, _T trajectories, _G groups.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..parts import Source, check_choice
from .base import Whole, register
from .members import Members
from .objective import TokenBatch

_EPSILON = 1e-6  # beside a standard deviation, as in the published code


@register(
    "pacs",
    aggregation="trajectory_mean",
    ratio_level="token",
    sees="groups",
    credit=False,
    source=Source(
        paper="Implicit Actor Critic Coupling via a Supervised Learning Framework for RLVR (PACS)",
        ref="arXiv 2509.02522",
        exact="golden",
        how="loss and gradient, with each baseline, balanced or not",
        note="a trajectory is what a response is there, and its label is whether it was won. Where all of a "
        "group moved alike, as before the first step, the baseline grpo gives no gradient, in the code NaN",
    ),
)
def pacs(
    ratio_N: Tensor,
    batch: TokenBatch,
    *,
    beta: float = 1.0,
    baseline: Literal["rloo", "grpo", "none"] = "rloo",
    balance: bool = True,
) -> Whole:
    """Return the loss of PACS (arXiv 2509.02522): a cross-entropy of outcomes.

    A trajectory's reward by the policy is beta times its summed log new/old, and its advantage psi that less
    the mean of the others of its group. The loss is the binary cross-entropy of sigmoid(psi) with whether it
    was won, the mean over trajectories.

    Args:
        ratio_N: new/old of each token.
        batch: the whole mini-batch, where it is known who won.
        beta: scale of the reward by the policy.
        baseline: "rloo": less the mean of the others; "grpo": less the mean, over the deviation; "none".
        balance: whether in a group of both outcomes each outcome weighs the same.

    Raises:
        UsageError: if it is not known who won.
        UnknownName: for another baseline.
    """
    check_choice("baseline", baseline, ("rloo", "grpo", "none"))
    members = Members.of(batch, "pacs")
    psi_T = _less_baseline(members, beta * members.totals(batch.logp_N - batch.old_N), baseline)
    label_T = members.won_T.to(psi_T.dtype)
    weight_T = _balanced(members, label_T) if balance else torch.ones_like(label_T)
    loss = functional.binary_cross_entropy_with_logits(psi_T, label_T, weight_T)
    right_T = torch.where(psi_T == 0, 0.5, ((psi_T > 0) == members.won_T).to(psi_T.dtype))
    return Whole(loss, {"pacs/right": right_T.mean(), "pacs/psi": (psi_T * (2 * label_T - 1)).mean()})


def _less_baseline(members: Members, reward_T: Tensor, baseline: str) -> Tensor:
    """Return the advantage of each trajectory [T]; 0 where there is nothing to compare it with."""
    if baseline == "none":
        return reward_T
    size_T = members.size_G[members.group_T].to(reward_T.dtype)
    others_T = (size_T - 1).clamp(min=1)
    above_T = reward_T - (members.by_group(reward_T) / members.size_G)[members.group_T]
    if baseline == "rloo":
        return above_T * size_T / others_T
    variance_T = members.by_group(above_T.square())[members.group_T] / others_T
    differs_T = variance_T > 0
    deviation_T = torch.where(differs_T, variance_T, 1.0).sqrt()  # the root of 0 has no slope
    return torch.where(differs_T, above_T / (deviation_T + _EPSILON), 0.0)


def _balanced(members: Members, label_T: Tensor) -> Tensor:
    """Return weights [T] by which both outcomes of a group weigh the same, 1 in a group of one outcome."""
    size_G = members.size_G.to(label_T.dtype)
    won_G = members.by_group(label_T)
    both_G = (won_G > 0) & (won_G < size_G)
    same_G = torch.where(members.won_T, won_G[members.group_T], (size_G - won_G)[members.group_T])
    return torch.where(both_G[members.group_T], size_G[members.group_T] / (2 * same_G), 1.0)
