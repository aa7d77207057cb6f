"""OPMD and AsymRE: returns less a baseline that need not be the mean."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .....errors import UsageError
from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import Moments, average, centre
from ...statistics.scores import statistics_of
from ...table.columns import FloatArray, sums
from ...table.table import TurnTable

_ALONE = "a group of one trajectory, which keeps its score there, gives 0"


@register(
    "opmd",
    source=Source(
        "Group-relative REINFORCE is secretly an off-policy algorithm",
        "arXiv 2509.24203",
        exact="golden",
        how="the baseline of Trinity-RFT's code, both kinds",
        note=_ALONE,
    ),
)
def opmd(table: TurnTable, *, baseline: Literal["mean", "logavgexp"] = "mean", tau: float = 1.0) -> Credit:
    """Give every turn R - mean, or R - tau log mean exp(R / tau), over its group's returns.

    Online policy mirror descent, arXiv 2509.24203, as in the published code of Trinity-RFT. Its loss,
    `opmd`, has no ratio.

    Args:
        table: the batch; needs no column beyond the required.
        baseline: the group's "mean", or "logavgexp", which leans towards its best returns.
        tau: temperature of "logavgexp", in units of the return.

    Returns:
        advantage [N]; parts baseline [N].

    Raises:
        UsageError: if tau is not above 0.
    """
    check_choice("baseline", baseline, ("mean", "logavgexp"))
    if not tau > 0:
        raise UsageError(f"opmd: tau={tau!r}; expected a number above 0")
    of = statistics_of(table, table.episode_return, "trajectories")
    advantage_N = centre(table.episode_return, table.group, of)
    if baseline == "logavgexp":
        advantage_N = advantage_N - _lean(table, advantage_N, of, tau)[table.group]
    return _told(table, advantage_N)


def _lean(table: TurnTable, centred_N: FloatArray, of: Moments, tau: float) -> FloatArray:
    """Return tau log mean exp(centred return / tau) of each group [G]; 0 where nothing differs."""
    rows_M = table.first_rows
    group_M, centred_M = table.group[rows_M], centred_N[rows_M]
    most_G = np.zeros(table.num_groups)
    np.maximum.at(most_G, group_M, centred_M)
    risen_M = np.exp((centred_M - most_G[group_M]) / tau)
    mean_G = sums(risen_M, group_M, table.num_groups) / np.maximum(of.count, 1)
    lean_G: FloatArray = np.where(of.alive, most_G + tau * np.log(np.where(of.alive, mean_G, 1.0)), 0.0)
    return lean_G


@register(
    "asymre",
    source=Source(
        "Asymmetric REINFORCE for off-policy reinforcement learning",
        "arXiv 2506.20520",
        exact="golden",
        how="the baseline of Trinity-RFT's code",
        note=f"{_ALONE}. Groups without a difference keep the shift: a baseline below the mean is the method",
    ),
)
def asymre(table: TurnTable, *, shift: float = -0.1) -> Credit:
    """Give every turn R - (mean + shift) of its group's returns.

    Arnal et al., Asymmetric REINFORCE, arXiv 2506.20520, as in the published code of Trinity-RFT. A
    baseline below the mean learns more from what went well than from what went badly, which off-policy
    turns need. A group in which all returns are equal gets -shift, not 0.

    Args:
        table: the batch; needs no column beyond the required.
        shift: of the baseline, in units of the return; below 0 in the paper.

    Returns:
        advantage [N]; parts baseline [N].
    """
    of = statistics_of(table, table.episode_return, "trajectories")
    alone_N = (of.count == 1)[table.group]
    advantage_N = np.where(alone_N, 0.0, centre(table.episode_return, table.group, of) - shift)
    return _told(table, advantage_N)


def _told(table: TurnTable, advantage_N: FloatArray) -> Credit:
    baseline_N = table.episode_return - advantage_N
    return Credit(advantage_N, parts={"baseline": baseline_N}, figures={"baseline": average(baseline_N)})
