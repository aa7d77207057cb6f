"""Down-sampling: of the rollouts that were played, those of the largest variance are learned from (D3S)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...credit.statistics.groups import moments, standardise
from ...parts import Source
from ...weights.d3s import between
from .base import Candidates, Group, register

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_TIE = 1e-12


@register(
    "d3s",
    source=Source(
        paper="Learning More with Less, D3S",
        ref="arXiv 2509.22115",
        exact="by hand",
        how="the subset of the largest variance, also against all subsets",
        note="the paper's text was read in notes of others, its code is not public. Our reading: the "
        "advantage that is compared is the return, standardised in its group; what is left out still counts "
        "in the statistics of its group",
    ),
)
async def d3s(
    candidates: Candidates, *, share: Sequence[float] = (0.5, 1.0), across: Sequence[float] = (0.5, 1.0)
) -> Candidates:
    """Learn from the rollouts whose advantages vary most: in each group, and then among all of them.

    Learning More with Less, arXiv 2509.22115: a subset of the largest variance is made of
    the k lowest and the m - k highest. The advantage of those that are left out of
    learning was part of the statistics, and is not computed again without them.

    Args:
        candidates: their groups are judged by the environment's own rewards.
        share: of a group that stays, in (0, 1]: at the first update and at the last; at least two do.
        across: of those that stays in the whole batch, likewise; (1, 1) compares inside groups alone.

    Raises:
        UsageError: if a share is out of range.
    """
    within_now = between(share, candidates.progress, "sampler d3s: share")
    across_now = between(across, candidates.progress, "sampler d3s: across")
    counting = [
        (place, member)
        for place, group in enumerate(candidates.groups)
        for member, trajectory in enumerate(group)
        if trajectory.counts and trajectory.turns
    ]
    group_K = np.array([place for place, _ in counting], dtype=np.int64)
    return_K = np.array([candidates.groups[place][member].episode_return for place, member in counting])
    advantage_K = _advantages(return_K, group_K, len(candidates.groups))
    kept = _chosen(advantage_K, group_K, within_now, across_now)
    chosen = {counting[place] for place in kept.tolist()}
    groups = tuple(_marked(group, place, chosen) for place, group in enumerate(candidates.groups))
    figures = {
        "sampling/learned": len(kept) / max(1, len(counting)),
        "sampling/useful": float(np.mean(advantage_K[kept] != 0.0)) if len(kept) else 0.0,
        "sampling/variance": float(np.var(advantage_K[kept])) if len(kept) else 0.0,
    }
    return candidates.keep(groups, figures)


def widest(values_K: Floats, num: int) -> Ints:
    """Return the places of so many values whose variance is the largest, ascending.

    They are the k lowest and num - k highest for one k (of several that tie the largest);
    equal values go by their order.

    Args:
        values_K: finite numbers.
        num: from 0 to K.
    """
    order_K = np.argsort(values_K, kind="stable")
    if num >= len(values_K):
        return np.arange(len(values_K))
    sorted_K = values_K[order_K] - values_K.mean()
    sums_K = np.concatenate([[0.0], np.cumsum(sorted_K)])
    squares_K = np.concatenate([[0.0], np.cumsum(sorted_K**2)])
    low = np.arange(num + 1)
    first_high = len(values_K) - (num - low)
    total = sums_K[low] + sums_K[-1] - sums_K[first_high]
    square = squares_K[low] + squares_K[-1] - squares_K[first_high]
    variance = square / max(1, num) - (total / max(1, num)) ** 2
    k = int(np.flatnonzero(variance >= variance.max() - _TIE)[-1])
    return np.sort(np.concatenate([order_K[:k], order_K[len(order_K) - (num - k) :]]))


def _advantages(return_K: Floats, group_K: Ints, num_groups: int) -> Floats:
    """Return the returns, standardised in their group; 0 in a group without a difference."""
    if not return_K.size:
        return return_K
    return standardise(return_K, group_K, moments(return_K, group_K, num_groups), "mean_std", 1e-6)


def _chosen(advantage_K: Floats, group_K: Ints, within: float, across: float) -> Ints:
    """Return the places that are learned from: first of each group, then of all of them."""
    ends = np.flatnonzero(np.diff(group_K)) + 1  # members of a group stand together
    mine = (
        places[widest(advantage_K[places], _part(len(places), within))]
        for places in np.split(np.arange(len(group_K)), ends)
    )
    kept = np.concatenate([*mine])
    return kept[widest(advantage_K[kept], _part(len(kept), across))]


def _part(num: int, share: float) -> int:
    """Return that share of a number: at least 2 where there are two."""
    return min(num, max(2, round(share * num)))


def _marked(group: Group, place: int, chosen: set[tuple[int, int]]) -> Group:
    return tuple(
        trajectory if (place, member) in chosen else replace(trajectory, learned=False)
        for member, trajectory in enumerate(group)
    )
