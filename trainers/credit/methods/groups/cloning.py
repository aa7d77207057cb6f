"""Cloning: what was done is learned as it is."""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, register
from ...table.table import TurnTable


@register(
    "cloning",
    source=Source(
        "Filtered behaviour cloning",
        exact="by hand",
        how="with the loss `reinforce` it is the cross entropy of what was said",
        note="which episodes are cloned is said by [offline] keep",
    ),
)
def cloning(table: TurnTable, *, only_valid: bool = True) -> Credit:
    """Give every turn an advantage of 1: the loss `reinforce` then is the cross entropy of its tokens.

    Nothing is compared and no reward is read, so a group without a difference is cloned too.

    Args:
        table: the batch.
        only_valid: whether turns whose action was malformed or inadmissible are left out, at 0.

    Returns:
        advantage [N]; figures cloned, the share of turns.
    """
    cloned_N = (table.valid if only_valid else table.counts).astype(np.float64)
    return Credit(cloned_N, figures={"cloned": float(cloned_N.mean()) if cloned_N.size else 0.0})
