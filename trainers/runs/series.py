"""Figures of a log as series over updates, and several seeds together with what lies between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Band:
    """Several series together at one update: their mean, between the least and the most."""

    update: float
    mean: float
    least: float
    most: float


def number(value: object) -> float | None:
    """Return a finite number as it is, and None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def numbered(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a log that name their update."""
    return [entry for entry in entries if number(entry.get("update")) is not None]


def points_of(entries: Sequence[Mapping[str, Any]], name: str) -> Points:
    """Return (update, value) of the entries in which a figure is a finite number."""
    found = ((number(entry.get("update")), number(entry.get(name))) for entry in entries)
    return [(update, value) for update, value in found if update is not None and value is not None]


def bands(several: Sequence[Points], least: int = 1) -> list[Band]:
    """Return series together, in order, at the updates that at least so many of them have."""
    by_update: dict[float, list[float]] = {}
    for points in several:
        for update, value in points:
            by_update.setdefault(update, []).append(value)
    return [
        Band(update, sum(values) / len(values), min(values), max(values))
        for update, values in sorted(by_update.items())
        if len(values) >= least
    ]
