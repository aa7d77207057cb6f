"""Transforms of advantages between credit and loss: whiten, clip, scale.

Each takes a table and its credit and returns another credit; spans and tokens
are treated like the turn's own number. Register one of your own with `register`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ...errors import UsageError
from ..parts import Named, Registry, Source, check_choice
from .base import Credit
from .statistics.groups import moments, standardise
from .table.columns import BoolArray, FloatArray, IntArray
from .table.table import TurnTable
from .table.tokens import split

REGISTRY = Registry("advantage transform", Named[Credit])
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind


@register(
    "whiten",
    source=Source(
        exact="ours",
    ),
)
def whiten(
    table: TurnTable,
    credit: Credit,
    *,
    over: Literal["batch", "group"] = "batch",
    centre: bool = True,
    epsilon: float = 1e-8,
) -> Credit:
    """Bring advantages to deviation 1, and to mean 0 unless centre is False.

    Moments are those of the turns that count (ddof 0), over the whole batch or
    over each prompt group; a span or the tokens are whitened by their own.
    """
    check_choice("over", over, ("batch", "group"))
    code_N = table.group if over == "group" else np.zeros_like(table.group)

    def white(values: FloatArray, code: IntArray, keep: BoolArray) -> FloatArray:
        of = moments(values[keep], code[keep], int(code.max(initial=0)) + 1, ddof=0)
        if centre:
            result = standardise(values, code, of, "mean_std", epsilon)
        else:
            result = np.where(
                of.alive[code], values / (np.where(of.alive, of.std, 1.0)[code] + epsilon), values
            )
        result[~keep] = 0.0
        return result

    return _apply(table, credit, lambda values, rows: white(values, code_N[rows], table.counts[rows]))


@register(
    "clip",
    source=Source(
        exact="ours",
    ),
)
def clip(table: TurnTable, credit: Credit, *, limit: float) -> Credit:
    """Bound advantages to [-limit, limit].

    Raises:
        UsageError: if limit is not above 0.
    """
    if not limit > 0:
        raise UsageError(f"clip: limit={limit!r}; expected a number above 0")
    return _apply(table, credit, lambda values, rows: np.clip(values, -limit, limit))


@register(
    "scale",
    source=Source(
        exact="ours",
    ),
)
def scale(table: TurnTable, credit: Credit, *, factor: float) -> Credit:
    """Multiply advantages by a factor."""
    return _apply(table, credit, lambda values, rows: values * factor)


def _apply(table: TurnTable, credit: Credit, change: Callable[[FloatArray, Any], FloatArray]) -> Credit:
    """Change the advantage, each span, and all tokens together."""
    rows_N = np.arange(len(table))
    spans = None if credit.spans is None else {name: change(s, rows_N) for name, s in credit.spans.items()}
    tokens = None
    if credit.tokens is not None:
        lengths = np.array([len(values) for values in credit.tokens], dtype=np.int64)
        flat = np.concatenate([*credit.tokens, np.zeros(0)])
        tokens = split(change(flat, np.repeat(rows_N, lengths)), lengths)
    return replace(credit, advantage=change(credit.advantage, rows_N), spans=spans, tokens=tokens)
