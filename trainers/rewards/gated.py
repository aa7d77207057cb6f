"""Gated reward accumulation: stepwise rewards count once the tiers above them are reached.

Shapes: _N rows (turns), _M trajectories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ...errors import UnknownName, UsageError
from ..credit.table.columns import BoolArray, FloatArray, sums
from ..credit.table.table import TurnTable
from ..parts import Source, check_choice
from .base import register

_FIELDS = ("column", "threshold", "value", "weight")
_VALUES = ("sum", "max", "last")


@register(
    "gated",
    source=Source(
        paper="Gated reward accumulation",
        ref="arXiv 2508.10548",
        exact="our reading",
        how="by hand",
        note="all of it: neither code nor numbers are public; thresholds and weights are parameters, and "
        "so is whether a value at its threshold opens the gate (`at_threshold`). The paper trains a "
        "model of 7 billion parameters on repositories; ours a tiny policy that chooses among edits "
        "of small packages ([docs/swe.md](swe.md)), and the recipe `gated` one on shopping",
    ),
)
def gated(
    table: TurnTable,
    *,
    tiers: Sequence[Mapping[str, Any]],
    at_threshold: Literal["shut", "open"] = "shut",
) -> TurnTable:
    """Add up reward tiers, each behind the gates of all tiers above it.

    Gated reward accumulation, G-RA, arXiv 2508.10548; our reading, the authors'
    code and numbers are not public:
    effective_i(t) = weight_i * r_i(t) * prod over j > i of 1[value_j > threshold_j],
    with value_j the tier's value over the whole trajectory.

    Args:
        table: the batch.
        tiers: from low to high priority, each with `column` (a tier's name, or
            "reward"), `threshold` (default 0),
            `value`: "sum", "max" or "last" (default "sum"), `weight` (default 1).
        at_threshold: whether a value equal to its threshold leaves the gate "shut",
            as the formula above has it, or "open" (>=, as summaries of the paper
            write). It decides wherever an outcome is a class with the threshold for
            its value, such as -0.5 for a patch that fails.

    Returns:
        the table with new rewards and episode returns.

    Raises:
        UnknownName: for a field or value that a tier does not have, or another at_threshold.
        UsageError: if there is no tier, or one has no column.
    """
    check_choice("at_threshold", at_threshold, ("shut", "open"))
    checked = [_checked(tier, place) for place, tier in enumerate(tiers)]
    if not checked:
        raise UsageError("gated: tiers is empty; expected at least one {column, threshold, value}")
    total_N = np.zeros(len(table))
    open_N = np.ones(len(table), dtype=np.bool_)
    for tier in reversed(checked):
        values_N = _values(table, tier["column"])
        total_N += np.where(open_N, tier["weight"] * values_N, 0.0)
        open_N = open_N & _passed(table, values_N, tier, at_threshold == "open")
    return table.with_rewards(total_N)


@register(
    "direct",
    source=Source(
        paper="Direct accumulation, of the same paper",
        ref="arXiv 2508.10548",
        exact="our reading",
        how="by hand",
        note="as `gated`, without the gates",
    ),
)
def direct(table: TurnTable, *, tiers: Sequence[Mapping[str, Any]]) -> TurnTable:
    """Add up reward tiers without gates: direct accumulation (D-RA) of arXiv 2508.10548.

    Takes the tiers of `gated`, so that one recipe serves both; thresholds have
    no effect. In the paper training on it collapses.

    Raises:
        UnknownName: for a field or value that a tier does not have.
        UsageError: if there is no tier, or one has no column.
    """
    checked = [_checked(tier, place) for place, tier in enumerate(tiers)]
    if not checked:
        raise UsageError("direct: tiers is empty; expected at least one {column}")
    total_N = np.zeros(len(table))
    for tier in checked:
        total_N += tier["weight"] * _values(table, tier["column"])
    return table.with_rewards(total_N)


def _checked(tier: Mapping[str, Any], place: int) -> dict[str, Any]:
    for key in tier:
        if key not in _FIELDS:
            raise UnknownName(f"field of tier {place}", key, _FIELDS)
    if "column" not in tier:
        raise UsageError(f"tier {place} is {dict(tier)!r}; expected a column, e.g. column='tests'")
    complete = {"threshold": 0.0, "value": "sum", "weight": 1.0, **tier}
    check_choice(f"field 'value' of tier {place}", complete["value"], _VALUES)
    return complete


def _values(table: TurnTable, column: str) -> FloatArray:
    return table.reward if column == "reward" else table.numbers(column, "a reward tier")


def _passed(table: TurnTable, values_N: FloatArray, tier: Mapping[str, Any], equal: bool) -> BoolArray:
    """Tell for each turn whether its trajectory's value exceeds the threshold, or is `equal` to it [N]."""
    if tier["value"] == "last":
        value_M = values_N[table.is_last]
    elif tier["value"] == "max":
        value_M = np.full(table.num_trajectories, -np.inf)
        np.maximum.at(value_M, table.trajectory, values_N)
    else:
        value_M = sums(values_N, table.trajectory, table.num_trajectories)
    over_M = (value_M > tier["threshold"]) | (equal & (value_M == tier["threshold"]))
    passed: BoolArray = over_M[table.trajectory]
    return passed
