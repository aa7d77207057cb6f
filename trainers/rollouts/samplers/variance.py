"""Variance filter: train on the groups whose outcome was least certain (StarPO-S)."""

from __future__ import annotations

import numpy as np

from ....errors import UsageError
from ...parts import Source
from .base import Candidates, Group, register, returns_by_agent


@register(
    "variance",
    source=Source(
        paper="StarPO-S of RAGEN",
        ref="arXiv 2504.20073",
        how="the rule",
        note="deviations with ddof 1",
    ),
)
async def variance(candidates: Candidates, *, share: float = 0.25) -> Candidates:
    """Keep the groups of the largest standard deviation of returns.

    StarPO-S of RAGEN, arXiv 2504.20073: uncertainty-based filtering keeps the
    quarter of the groups whose rewards differ most.

    Args:
        candidates: its groups stay in their order; of equal ones the first is kept.
        share: of the groups that stay, in (0, 1]; at least one does.

    Raises:
        UsageError: if share is out of range.
    """
    if not 0.0 < share <= 1.0:
        raise UsageError(f"sampler variance: share is {share}; expected a number in (0, 1]")
    spread_G = np.array([_deviation(group) for group in candidates.groups])
    num = max(1, int(share * len(candidates.groups)))
    kept = sorted(np.argsort(-spread_G, kind="stable")[:num].tolist())
    figures = {
        "sampling/kept_std": float(spread_G[kept].mean()) if kept else 0.0,
        "sampling/kept": len(kept) / max(1, len(candidates.groups)),
    }
    return candidates.keep((candidates.groups[place] for place in kept), figures)


def _deviation(group: Group) -> float:
    """Return the sample standard deviation (ddof 1) of a group's returns; 0 for fewer than two.

    Where several agents play it is that of the agent whose own returns differ most.
    """
    spreads = [np.std(returns, ddof=1) for returns in returns_by_agent(group) if len(returns) > 1]
    return float(max(spreads, default=0.0))
