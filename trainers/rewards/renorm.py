"""ReNorm: rewards of steps, which count as far as the outcome bears them out."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..credit.statistics.groups import moments
from ..credit.table.table import TurnTable
from ..parts import Source, check_choice
from .base import register


@register(
    "renorm",
    source=Source(
        "Hybrid reward normalization for process-supervised non-verifiable agentic tasks (PPR)",
        "arXiv 2509.25598",
        exact="our reading",
        note="the equation could not be read: that outcome and process are centred by a half each and "
        "added is what reviews of the paper say; the last turn keeps its outcome. A deviation to divide by "
        "is an option, and the judge of steps is left to the environment's tiers or to an annotator",
    ),
)
def renorm(
    table: TurnTable,
    *,
    column: str,
    offset: float = 1.0,
    scale: Literal["none", "batch", "group"] = "none",
    epsilon: float = 1e-6,
) -> TurnTable:
    """Give each turn but the last process + outcome - offset, and the last one the outcome.

    ReNorm of principle process reward, arXiv 2509.25598. With both in [0, 1], a step of a failed episode
    never earns more than 0 and one of a solved episode never less: steps that please their judge and
    lead nowhere are not learned.

    Args:
        table: the batch; the outcome is the episode's return.
        column: rewards of steps, a tier or an annotator's note.
        offset: what process and outcome have to reach together, a half each.
        scale: "none", or over the deviation (ddof 0) of these sums in the "batch" or in each "group".
        epsilon: added to the deviation.

    Raises:
        TableError: if the column is missing.
    """
    check_choice("scale", scale, ("none", "batch", "group"))
    inner_N = ~table.is_last
    process_N = np.where(inner_N, table.column(column, "renorm").astype(np.float64), 0.0)
    table.check_finite(column, process_N)
    sum_N = np.where(inner_N, process_N + table.episode_return - offset, 0.0)
    if scale != "none":
        code_N = table.group if scale == "group" else np.zeros_like(table.group)
        rows = np.flatnonzero(inner_N & table.counts)
        of = moments(sum_N[rows], code_N[rows], int(code_N.max(initial=0)) + 1, ddof=0)
        sum_N = np.where(of.alive[code_N], sum_N / (np.where(of.alive, of.std, 1.0)[code_N] + epsilon), sum_N)
    return table.with_rewards(np.where(inner_N, sum_N, table.episode_return))
