"""RiskPO: a mixture of what lies between two quantiles and what lies below the lower one.

Shapes: _N rows (turns), _M trajectories, _P papers (one trajectory of each task of a bundle), _B bundles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .....errors import UsageError
from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import average, moments
from ...table.columns import BoolArray, FloatArray, IntArray, sums
from ...table.table import TurnTable

_LEAST_STD = 1e-3


@register(
    "risk_po",
    source=Source(
        "RiskPO: risk-based policy optimization via verifiable reward",
        "arXiv 2510.00911",
        exact="golden",
        how="with quantiles of each bundle",
        note="divided by the distance of the two levels, as the release does; equal scores give exactly 0",
    ),
)
def risk_po(
    table: TurnTable,
    *,
    lower: float = 0.2,
    upper: float = 0.9,
    mix: float = 1.5,
    bundle: int = 1,
    assign: Literal["std", "uniform", "score"] = "std",
    scale: bool = True,
    epsilon: float = 1e-6,
) -> Credit:
    """Give every turn how far its paper lies below the upper quantile of its bundle, twice below the lower.

    RiskPO, arXiv 2510.00911, with quantiles of the batch. Tasks are bundled, and a paper is one trajectory
    of each; s is its summed return, q1 and q9 the quantiles of its bundle's papers. A = max(s - q1, 0) -
    max(s - q9, 0) + q1 - q9, over upper - lower, mixed with `mix` parts of -max(q1 - s, 0) / lower. It is
    never above 0: what went worst is learned from most, what went best gives 0.

    Args:
        table: the batch; needs no column beyond the required.
        lower: the lower level.
        upper: the upper level.
        mix: the weight of the tail below the lower quantile; 0 leaves it out.
        bundle: how many prompt groups make a bundle, in the order of the batch; a group's n-th trajectory
            goes to the n-th paper, so that above 1 the order of rows counts.
        assign: what a trajectory has of its paper's: over its own group's deviation ("std"), all of it
            ("uniform"), or half where its return is above 0, else 3/2 ("score").
        scale: whether papers are divided by the deviation of their bundle.
        epsilon: added to divisors.

    Returns:
        advantage [N]; parts paper_score (0 where a trajectory found no paper), lower_quantile,
        upper_quantile [N]; figures tail and top, shares of papers below the lower quantile and from the
        upper one on.

    Raises:
        UsageError: unless 0 < lower < upper < 1, mix is at least 0 and bundle at least 1.
    """
    levels = Levels("risk_po", lower, upper, mix, bundle, assign, scale, epsilon)
    papers = Papers.of(table, bundle)
    low_P, high_P = papers.quantile(lower)[papers.bundle_P], papers.quantile(upper)[papers.bundle_P]
    return credit_of(table, papers, low_P, high_P, levels)


@dataclass(frozen=True, slots=True)
class Levels:
    """The parameters of the method, checked; what they mean stands at `risk_po`.

    Raises:
        UsageError: unless 0 < lower < upper < 1, mix is at least 0 and bundle at least 1.
    """

    name: str
    lower: float
    upper: float
    mix: float
    bundle: int
    assign: str
    scale: bool
    epsilon: float

    def __post_init__(self) -> None:
        check_choice("assign", self.assign, ("std", "uniform", "score"))
        if not (0 < self.lower < self.upper < 1 and self.mix >= 0 and self.bundle >= 1):
            raise UsageError(
                f"{self.name}: lower={self.lower!r}, upper={self.upper!r}, mix={self.mix!r}, "
                f"bundle={self.bundle!r}; expected 0 < lower < upper < 1, mix of at least 0, bundle of at "
                "least 1"
            )


def credit_of(
    table: TurnTable, papers: Papers, low_P: FloatArray, high_P: FloatArray, levels: Levels
) -> Credit:
    """Return the credit of papers beside two quantiles each."""
    advantage_P = risk(papers.score_P, low_P, high_P, levels.lower, levels.upper, levels.mix, levels.epsilon)
    advantage_P[~papers.alive_P] = 0.0
    if levels.scale:
        advantage_P /= papers.std_P + levels.epsilon
    divisor_M = _divisor(table, levels.assign, levels.epsilon)
    advantage_M = np.append(advantage_P, 0.0)[papers.paper_M] / divisor_M

    def told(values_P: FloatArray) -> FloatArray:
        told_N: FloatArray = np.append(values_P, 0.0)[papers.paper_M][table.trajectory]
        return told_N

    parts = {
        "paper_score": told(papers.score_P),
        "lower_quantile": told(low_P),
        "upper_quantile": told(high_P),
    }
    figures = {"tail": average(papers.score_P < low_P), "top": average(papers.score_P >= high_P)}
    return Credit(advantage_M[table.trajectory], parts=parts, figures=figures)


def risk(
    score_P: FloatArray,
    low_P: FloatArray,
    high_P: FloatArray,
    lower: float,
    upper: float,
    mix: float,
    epsilon: float,
) -> FloatArray:
    """Return the advantage of each score between its two quantiles, before it is scaled [P]."""
    between_P = np.maximum(score_P - low_P, 0.0) - np.maximum(score_P - high_P, 0.0) + low_P - high_P
    tail_P = -np.maximum(low_P - score_P, 0.0) / (lower + epsilon)
    mixed_P: FloatArray = (mix * tail_P + between_P / (upper - lower + epsilon)) / (mix + 1.0)
    return mixed_P


@dataclass(frozen=True, slots=True)
class Papers:
    """The papers of a batch: one trajectory of each prompt group of a bundle.

    Args:
        score_P: summed returns.
        bundle_P: the bundle of each paper.
        std_P: deviation of the bundle's scores (ddof 1), 1 for a bundle of one paper.
        alive_P: whether the scores of its bundle differ.
        paper_M: the paper of each trajectory; -1 where its group has more than another one of its bundle.
    """

    score_P: FloatArray
    bundle_P: IntArray
    std_P: FloatArray
    alive_P: BoolArray
    paper_M: IntArray

    @classmethod
    def of(cls, table: TurnTable, bundle: int) -> Papers:
        """Return the papers of a table."""
        rows_M = table.first_rows
        group_M = table.group[rows_M]
        count_G = np.bincount(group_M, minlength=table.num_groups)
        order = np.argsort(group_M, kind="stable")
        place_M = np.empty(order.size, dtype=np.int64)
        place_M[order] = np.arange(order.size) - (np.cumsum(count_G) - count_G)[group_M[order]]
        bundle_G = np.arange(table.num_groups) // bundle
        num_bundles = int(bundle_G.max(initial=-1)) + 1
        num_B = np.full(num_bundles, np.iinfo(np.int64).max)
        np.minimum.at(num_B, bundle_G, count_G)
        bundle_M = bundle_G[group_M]
        start_B = np.cumsum(num_B) - num_B
        has_M = place_M < num_B[bundle_M]
        paper_M = np.where(has_M, start_B[bundle_M] + place_M, -1)
        score_P = sums(table.episode_return[rows_M][has_M], paper_M[has_M], int(num_B.sum()))
        bundle_P = np.repeat(np.arange(num_bundles), num_B)
        of = moments(score_P, bundle_P, num_bundles)
        std_B = np.where(of.count == 1, 1.0, of.std)
        return cls(score_P, bundle_P, std_B[bundle_P], of.alive[bundle_P], paper_M)

    def quantile(self, level: float) -> FloatArray:
        """Return the quantile of each bundle's scores, between neighbours in proportion [B]."""
        count_B = np.bincount(self.bundle_P)
        sorted_P = self.score_P[np.lexsort((self.score_P, self.bundle_P))]
        place_B = level * (count_B - 1)
        below_B = np.floor(place_B).astype(np.int64)
        start_B = np.cumsum(count_B) - count_B
        one_B = sorted_P[start_B + below_B]
        next_B = sorted_P[start_B + np.minimum(below_B + 1, count_B - 1)]
        value_B: FloatArray = one_B + (next_B - one_B) * (place_B - below_B)
        return value_B


def _divisor(table: TurnTable, assign: str, epsilon: float) -> FloatArray:
    """Return what each trajectory's share of its paper is divided by [M]."""
    rows_M = table.first_rows
    returns_M, group_M = table.episode_return[rows_M], table.group[rows_M]
    if assign == "uniform":
        return np.ones(rows_M.size)
    if assign == "score":
        return np.where(returns_M > 0, 2.0, 2.0 / 3.0)
    std_G = moments(returns_M, group_M, table.num_groups).std
    divisor_M: FloatArray = (np.where(std_G > _LEAST_STD, std_G, 1.0) + epsilon)[group_M]
    return divisor_M
