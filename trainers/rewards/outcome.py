"""Penalties that count only where the outcome makes a difference to hold them against."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ..credit.table.agents import own_returns
from ..credit.table.columns import BoolArray
from ..credit.table.table import TurnTable
from ..parts import Source, check_choice
from .base import register


@register(
    "outcome_gate",
    source=Source(
        exact="ours",
        how="by hand",
    ),
)
def outcome_gate(
    table: TurnTable, *, threshold: float = 0.0, scope: Literal["group", "trajectory"] = "group"
) -> TurnTable:
    """Waive penalties for invalid actions where nothing was achieved.

    In a group that failed as a whole the penalties are the only difference
    between turns; normalised, they become a full-sized signal. Behind the gate
    the turns of such a group count as valid, so the group is dead and gives 0.

    Args:
        table: the batch.
        threshold: an episode return above it opens the gate; where several agents
            play, the return of one of them.
        scope: "group": one good trajectory opens the gate for its whole prompt
            group; "trajectory": each opens its own.
    """
    check_choice("scope", scope, ("group", "trajectory"))
    good_N = (own_returns(table) > threshold) & table.counts
    code_N = table.group if scope == "group" else table.trajectory
    open_N: BoolArray = (np.bincount(code_N, good_N) > 0)[code_N] if len(table) else good_N
    causes = {
        name: table.columns[name] & open_N for name in ("malformed", "inadmissible") if name in table.columns
    }
    return replace(table.with_columns(**causes), valid=table.valid | ~open_N)
