"""OTC: correct answers earn more, the fewer tool calls they took.

Shapes: _N rows (turns), _M trajectories, _G prompt groups.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...errors import UsageError
from ..credit.table.columns import FloatArray, sums
from ..credit.table.table import TurnTable
from ..parts import Source, check_choice
from .base import register


@register(
    "otc",
    source=Source(
        paper="OTC, Acting less is reasoning more",
        ref="arXiv 2504.14870",
        exact="our reading",
        how="by hand",
        note="from the text; a failed trajectory keeps its rewards",
    ),
)
def otc(
    table: TurnTable,
    *,
    form: Literal["group", "ppo"] = "group",
    alpha: float = 1.0,
    smoothing: float = 1.0,
    calls: str = "tool_calls",
) -> TurnTable:
    """Scale the rewards of solved trajectories by alpha times their tool productivity.

    OTC, Acting less is reasoning more, arXiv 2504.14870 (our
    reading, from the text). With m calls in the trajectory and n the fewest
    among the solved ones of its group: under "ppo" cos(m pi / (2 m + c)), 1 for
    m = 0; under "group" 1 if m = n = 0, that cosine if n = 0, else
    sin(f pi / (2 n)) with f = 2 m n / (m + n). A trajectory that failed keeps its
    rewards: few calls earn it nothing.

    Args:
        table: the batch; solved is column success, or without it episode return > 0.
        form: "group" (with GRPO) or "ppo" (no group needed).
        alpha: the weight of productivity.
        smoothing: c of the cosine.
        calls: the column with the number of tool calls of each turn.

    Raises:
        TableError: if the column of calls is missing, or success is unknown.
        UsageError: if smoothing is not above 0.
    """
    check_choice("form", form, ("group", "ppo"))
    if not smoothing > 0:
        raise UsageError(f"otc: smoothing={smoothing!r}; expected a number above 0")
    calls_M = sums(table.numbers(calls, "otc"), table.trajectory, table.num_trajectories)
    first_M = table.first_rows
    solved_M = table.solved("otc")[first_M] & table.counts[first_M]
    productivity_M = _cosine(calls_M, smoothing)
    if form == "group":
        group_M = table.group[first_M]
        fewest_G = np.full(table.num_groups, np.inf)
        np.minimum.at(fewest_G, group_M[solved_M], calls_M[solved_M])
        fewest_M = fewest_G[group_M]
        some_M = solved_M & (fewest_M > 0)
        m, n = calls_M[some_M], fewest_M[some_M]
        productivity_M[some_M] = np.sin(2 * m * n / (m + n) * np.pi / (2 * n))
    factor_N = np.where(solved_M, alpha * productivity_M, 1.0)[table.trajectory]
    return table.with_rewards(table.reward * factor_N, table.episode_return * factor_N)


def _cosine(calls_M: FloatArray, smoothing: float) -> FloatArray:
    cosine: FloatArray = np.cos(calls_M * np.pi / (2 * calls_M + smoothing))
    return cosine
