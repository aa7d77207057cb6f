"""DisCO: what won is scored over what lost, within a trust region.

Shapes: _N tokens of a mini-batch, _T trajectories, _G groups.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ...errors import UsageError
from ..parts import Source, check_choice
from .base import Whole, register
from .members import Members
from .objective import TokenBatch


@register(
    "disco",
    aggregation="trajectory_mean",
    ratio_level="token",
    sees="groups",
    credit=False,
    source=Source(
        paper="DisCO: Reinforcing Large Reasoning Models with Discriminative Constrained Optimization",
        ref="arXiv 2505.12366",
        exact="golden",
        how="the gradient of all four forms; the value by hand, since the published code shows tau in place "
        "of the lost trajectories' score, and the KL times its excess",
        note="a trajectory is what a response is there; means and KL are over the mini-batch, in the code "
        "over a micro-batch. As released, its trainer cannot call the form with ratios and tau",
    ),
)
def disco(
    ratio_N: Tensor,
    batch: TokenBatch,
    *,
    score: Literal["ratio", "logp"] = "logp",
    tau: float = 10.0,
    delta: float = 1e-4,
    beta: float = 1e3,
) -> Whole:
    """Return the loss of DisCO (arXiv 2505.12366): discriminative, with a constraint on the KL.

    The mean score of a group's won trajectories should exceed tau log mean exp(score/tau) of its lost
    ones, which the best scored of them rule. A group that won or lost as a whole teaches nothing, and counts
    in the mean over groups. Beside it stands beta/2 max(0, KL(old || new) - delta)^2, the KL being the mean
    over tokens of log old/new.

    Args:
        ratio_N: new/old of each token.
        batch: the whole mini-batch, where it is known who won.
        score: of a trajectory: the mean over its tokens of the "ratio" or of "logp".
        tau: how much of the lost trajectories' score is that of the best of them; inf: the mean (DisCO-b).
        delta: the KL that is free, nats a token.
        beta: the weight beyond it.

    Raises:
        UsageError: if tau is not positive, or it is not known who won.
        UnknownName: for another score.
    """
    check_choice("score", score, ("ratio", "logp"))
    if not tau > 0:
        raise UsageError(f"loss.tau is {tau}; expected a positive number, inf for the mean")
    members = Members.of(batch, "disco")
    score_T = members.means(ratio_N if score == "ratio" else batch.logp_N)
    gap_G = _ahead(members, score_T, tau)
    kl = (batch.old_N - batch.logp_N).mean()
    over = (kl - delta).clamp(min=0.0)
    gap = gap_G.sum() / len(gap_G)
    figures = {
        "disco/gap": gap,
        "disco/kl": kl,
        "disco/over": (over > 0).to(kl.dtype),
        "disco/groups": (gap_G != 0).to(kl.dtype).mean(),
    }
    return Whole(0.5 * beta * over.square() - gap, figures)


def _ahead(members: Members, score_T: Tensor, tau: float) -> Tensor:
    """Return by how much each group's won trajectories are scored over its lost ones [G]; 0 without both."""
    won_T = members.won_T
    won_G, lost_G = (members.by_group(side_T.to(score_T.dtype)) for side_T in (won_T, ~won_T))
    both_G = (won_G > 0) & (lost_G > 0)
    best_G = members.by_group(score_T * won_T) / won_G.clamp(min=1)
    if math.isinf(tau):
        worst_G = members.by_group(score_T * ~won_T) / lost_G.clamp(min=1)
    else:
        scaled_T = score_T / tau
        hidden_T = scaled_T.detach().masked_fill(won_T, -torch.inf)
        top_G = hidden_T.new_full((len(won_G),), -torch.inf).scatter_reduce(
            0, members.group_T, hidden_T, "amax"
        )
        top_G = torch.where(both_G, top_G, 0.0)
        weight_T = torch.where(won_T, 0.0, (scaled_T - top_G[members.group_T]).clamp(max=0.0).exp())
        mean_G = torch.where(both_G, members.by_group(weight_T) / lost_G.clamp(min=1), 1.0)
        worst_G = tau * (mean_G.log() + top_G)
    return torch.where(both_G, best_G - worst_G, 0.0)
