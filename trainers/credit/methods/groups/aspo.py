"""ASPO: right answers earn a little more, the earlier they first called a tool.

Shapes: _N rows (turns), _M trajectories, _G prompt groups.
"""

from __future__ import annotations

import numpy as np

from .....errors import UsageError
from ....parts import Source
from ...base import Credit, register
from ...statistics.groups import average
from ...statistics.scores import episode_advantage
from ...table.columns import BoolArray, FloatArray, sums
from ...table.table import TurnTable


@register(
    "aspo",
    source=Source(
        "Understanding tool-integrated reasoning",
        "arXiv 2508.19201",
        exact="by hand",
        how="equation 2",
        note="the place of a call is the end of the message that makes it, in sampled tokens",
    ),
)
def aspo(
    table: TurnTable,
    *,
    delta: float = -2.0,
    limit: float = 0.7,
    calls: str = "tool_calls",
    epsilon: float = 1e-6,
) -> Credit:
    """Give every turn A, its return's z-score; a right answer gains clip(delta (p - mean p) / mean L, -+k A).

    ASPO of "Understanding tool-integrated reasoning", arXiv 2508.19201, equation 2. p is where a right
    answer first called a tool, L its length, both in tokens; means are over the group's right answers that
    call. The advantage is shaped and not the
    reward, since a bonus inside the reward turns over under normalisation where all answers are right;
    the bound keeps the sign that being right has.

    Args:
        table: the batch; needs the column of calls; right is column success, or without it a return
            above 0; tokens are those of column num_tokens, or turns where it is missing.
        delta: below 0, early calls are better.
        limit: k: the shaping is at most this share of the advantage.
        calls: the column with the number of calls of each turn.
        epsilon: added to the deviation (over trajectories, ddof 1).

    Returns:
        advantage [N]; parts episode_advantage, shaping, first_call (-1 where there is none) [N]; figures
        first_call, the mean place, and shaped and bounded, shares of trajectories.

    Raises:
        TableError: if a column is missing, or success is unknown.
        UsageError: if limit is negative.
    """
    if limit < 0:
        raise UsageError(f"aspo: limit={limit!r}; expected at least 0")
    base_N = episode_advantage(table, table.episode_return, "mean_std", "trajectories", epsilon)
    called_M, place_M, length_M = _first_calls(table, table.numbers(calls, "aspo") > 0)
    group_M = table.group[table.first_rows]
    right_M = called_M & table.solved("aspo")[table.first_rows]
    count_G = np.maximum(np.bincount(group_M, right_M, minlength=table.num_groups), 1.0)
    mean_place_G = sums(np.where(right_M, place_M, 0.0), group_M, table.num_groups) / count_G
    mean_length_G = sums(np.where(right_M, length_M, 0.0), group_M, table.num_groups) / count_G
    ahead_M = (place_M - mean_place_G[group_M]) / np.maximum(mean_length_G[group_M], 1.0)
    bound_M = limit * np.abs(base_N[table.first_rows])
    shaping_M = np.where(right_M, np.clip(delta * ahead_M, -bound_M, bound_M), 0.0)
    shaping_N = shaping_M[table.trajectory]
    first_N = np.where(called_M, place_M, -1.0)[table.trajectory]
    return Credit(
        base_N + shaping_N,
        parts={"episode_advantage": base_N, "shaping": shaping_N, "first_call": first_N},
        figures={
            "first_call": average(place_M[called_M]),
            "shaped": average(shaping_M != 0.0),
            "bounded": average(right_M & (np.abs(delta * ahead_M) > bound_M)),
        },
    )


def _first_calls(table: TurnTable, calls_N: BoolArray) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Return of each trajectory whether it called, up to which token that took, and how many it has [M]."""
    tokens_N = table.columns.get("num_tokens", np.ones(len(table))).astype(np.float64)
    length_M = sums(tokens_N, table.trajectory, table.num_trajectories)
    before_M = np.cumsum(length_M) - length_M
    end_N = np.cumsum(tokens_N) - before_M[table.trajectory]
    place_M = np.full(table.num_trajectories, np.inf)
    np.minimum.at(place_M, table.trajectory[calls_N], end_N[calls_N])
    called_M = np.isfinite(place_M)
    return called_M, np.where(called_M, place_M, 0.0), length_M
