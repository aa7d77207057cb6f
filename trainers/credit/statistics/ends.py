"""How trajectories end, for methods that look beyond the last turn."""

from __future__ import annotations

from ..table.columns import BoolArray
from ..table.table import TurnTable


def done_rows(table: TurnTable) -> BoolArray:
    """Return which rows are a last turn after which nothing can follow [N].

    A trajectory that was cut off (end "horizon" or "tokens") is not done; a
    table without column end has trajectories that all are.
    """
    done_N: BoolArray = table.is_last
    if "end" in table.columns:
        done_N = done_N & (table.columns["end"] == "terminated")
    return done_N
