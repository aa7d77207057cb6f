"""Figures of a batch's credit, for the log: is there a signal, and what makes it?"""

from __future__ import annotations

import numpy as np

from ...errors import TableError
from .base import Credit
from .statistics.groups import average, moments
from .table.columns import BoolArray, sums
from .table.table import TurnTable


def describe(table: TurnTable, credit: Credit) -> dict[str, float]:
    """Return the statistics of a batch's credit, under the names of the training log.

    Returns:
        credit/mean, credit/std: of the advantage over turns that count (ddof 0).
        credit/dead_groups: fraction of prompt groups in which every advantage is 0.
        credit/penalty_only: fraction of prompt groups in which rewards make no
            difference, and the advantages come from invalid turns alone.
        credit/penalty_only_magnitude: mean absolute advantage in those groups.
        credit/anchor_size, credit/anchor_singletons: mean size of anchor groups,
            and the fraction that hold one turn; only for tables with state keys.
        credit/NAME: the method's own figures.
        All 0 for a batch in which nothing counts.

    Raises:
        TableError: if the method gives a figure a name that is among these.
    """
    keep_N = table.counts
    sub = table if bool(keep_N.all()) else table.select(keep_N)
    advantage_N = credit.advantage[keep_N]
    some_N = advantage_N != 0.0
    acts_G = sums(some_N, sub.group, sub.num_groups) > 0
    uniform_G = _without_difference(sub)
    invalid_G = sums(~sub.valid, sub.group, sub.num_groups) > 0
    penalty_G = acts_G & uniform_G & invalid_G
    in_penalty_N = penalty_G[sub.group]
    figures = {
        "credit/mean": average(advantage_N),
        "credit/std": float(advantage_N.std()) if advantage_N.size else 0.0,
        "credit/dead_groups": average(~acts_G),
        "credit/penalty_only": average(penalty_G),
        "credit/penalty_only_magnitude": average(np.abs(advantage_N[in_penalty_N])),
    }
    if "step_group" in credit.parts or "state_key" in sub.columns:
        groups_N = credit.parts["step_group"][keep_N] if "step_group" in credit.parts else sub.anchors()
        sizes = np.bincount(groups_N)
        sizes = sizes[sizes > 0]
        figures["credit/anchor_size"] = average(sizes)
        figures["credit/anchor_singletons"] = average(sizes == 1)
    own = {f"credit/{name}": value for name, value in credit.figures.items()}
    if taken := sorted(figures.keys() & own):
        raise TableError(
            f"the method gives figures by names that the log has already, {', '.join(taken)}: choose others"
        )
    return figures | own


def _without_difference(table: TurnTable) -> BoolArray:
    """Tell which prompt groups have equal rewards on every turn [G]."""
    rewards = moments(table.reward, table.group, table.num_groups)
    returns = moments(table.episode_return, table.group, table.num_groups)
    uniform_G: BoolArray = ~rewards.alive & ~returns.alive
    return uniform_G
