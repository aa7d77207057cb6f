"""Credit: how much better each turn was than the same turn of the other episodes of its task."""

from __future__ import annotations

import numpy as np

from turnwise.credit import Credit, TurnTable, register


@register("example")
def example(table: TurnTable, *, gamma: float = 0.95) -> Credit:
    """Give every turn what came after it, less the mean of its group at that turn.

    Args:
        table: one row a turn [N].
        gamma: what a reward is worth one turn earlier.
    """
    return_N = table.returns(gamma)
    place_N = table.group * (table.turn.max() + 1) + table.turn
    count_N = np.bincount(place_N)[place_N]
    mean_N = np.bincount(place_N, return_N)[place_N] / count_N
    return Credit(return_N - mean_N, parts={"return": return_N, "mean": mean_N})
