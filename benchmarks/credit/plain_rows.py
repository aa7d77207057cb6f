"""What the straightforward estimators share: rows of a trajectory, returns, normalising in groups."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "EPSILON",
    "Columns",
    "Signal",
    "episodes",
    "mean_of_tokens",
    "normalised",
    "returns",
    "rows_of",
    "spread_over",
    "whitened_over_tokens",
]

Columns = dict[str, Any]
EPSILON = 1e-6


@dataclass
class Signal:
    """What an estimator says: a number a turn, and what it says of tokens, spans and critics."""

    advantage: list[float]
    tokens: list[list[float]] | None = None
    spans: dict[str, list[float]] | None = None
    targets: dict[str, Any] | None = None


def rows_of(columns: Columns) -> dict[Any, list[int]]:
    """Return the rows of each trajectory, under (group, trajectory)."""
    rows = defaultdict(list)
    for row, key in enumerate(zip(columns["group"], columns["trajectory"], strict=True)):
        rows[key].append(row)
    return rows


def returns(columns: Columns, gamma: float) -> list[float]:
    """Return the discounted return-to-go of each row."""
    to_go = [0.0] * len(columns["reward"])
    for rows in rows_of(columns).values():
        running = 0.0
        for row in reversed(rows):
            running = columns["reward"][row] + gamma * running
            to_go[row] = running
    return to_go


def episodes(columns: Columns) -> list[float]:
    """Return the sum of its trajectory's rewards for each row."""
    totals = [0.0] * len(columns["reward"])
    for rows in rows_of(columns).values():
        total = sum(columns["reward"][row] for row in rows)
        for row in rows:
            totals[row] = total
    return totals


def normalised(scores: Sequence[float], keys: Sequence[Any], std: bool = True, ddof: int = 1) -> list[float]:
    """Return each score less the mean of the scores under its key, and divided by their deviation."""
    groups = defaultdict(list)
    for score, key in zip(scores, keys, strict=True):
        groups[key].append(score)
    mean = {key: float(np.mean(values)) for key, values in groups.items()}
    if not std:
        return [score - mean[key] for score, key in zip(scores, keys, strict=True)]
    deviation = {
        key: float(np.std(values, ddof=ddof)) if len(values) > 1 else 0.0 for key, values in groups.items()
    }
    return [(score - mean[key]) / (deviation[key] + EPSILON) for score, key in zip(scores, keys, strict=True)]


def spread_over(rows: dict[Any, list[int]], values: Sequence[float]) -> list[float]:
    """Return for each row the value of its trajectory."""
    spread = [0.0] * sum(map(len, rows.values()))
    for own, value in zip(rows.values(), values, strict=True):
        for row in own:
            spread[row] = value
    return spread


def whitened_over_tokens(tokens: list[list[float]], epsilon: float = 1e-8) -> list[list[float]]:
    """Return the tokens' numbers with mean 0 and variance 1 over all tokens of the batch."""
    every = [value for row in tokens for value in row]
    mean = float(np.mean(every))
    scale = 1.0 / math.sqrt(np.var(every, ddof=1) + epsilon)
    return [[(value - mean) * scale for value in row] for row in tokens]


def mean_of_tokens(tokens: list[list[float]]) -> list[float]:
    """Return the mean over the tokens of each row."""
    return [sum(row) / len(row) for row in tokens]
