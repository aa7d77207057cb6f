"""Group statistics that give exactly 0 where a group has nothing to tell.

Shapes: _K values that enter a statistic, _N rows that are normalised, _G groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..table.columns import BoolArray, FloatArray, IntArray, sums

RELATIVE_SPREAD = 1e-12
"""Values of a group that differ by less, relative to the largest, are equal: the rest is rounding."""

_NOISE = 1e-9
"""Sums and differences that are smaller, relative to what they are made of, are rounding."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and standard deviation of each group [G], and whether its values differ."""

    count: IntArray
    mean: FloatArray
    std: FloatArray
    magnitude: FloatArray  # largest absolute value
    alive: BoolArray


def moments(values_K: FloatArray, group_K: IntArray, num_groups: int, ddof: int = 1) -> Moments:
    """Return the moments of each group's values.

    Sums run over differences from the group's least value, so equal values
    give a mean equal to them and a deviation of 0, without rounding. The
    deviation of a group with no more than ddof values is 0.
    """
    count_G = np.bincount(group_K, minlength=num_groups)
    least_G = np.full(num_groups, np.inf)
    most_G = np.full(num_groups, -np.inf)
    np.minimum.at(least_G, group_K, values_K)
    np.maximum.at(most_G, group_K, values_K)
    empty_G = count_G == 0
    least_G[empty_G] = most_G[empty_G] = 0.0
    above_K = values_K - least_G[group_K]
    rise_G = sums(above_K, group_K, num_groups) / np.maximum(count_G, 1)
    square_G = sums((above_K - rise_G[group_K]) ** 2, group_K, num_groups)
    magnitude_G = np.maximum(np.abs(least_G), np.abs(most_G))
    return Moments(
        count=count_G,
        mean=least_G + rise_G,
        std=np.sqrt(square_G / np.maximum(count_G - ddof, 1)),
        magnitude=magnitude_G,
        alive=(most_G - least_G) > RELATIVE_SPREAD * magnitude_G,
    )


def centre(values_N: FloatArray, group_N: IntArray, of: Moments) -> FloatArray:
    """Return the values minus their group's mean; differences that are rounding are exactly 0."""
    away_N = values_N - of.mean[group_N]
    noise_N = ~of.alive[group_N] & (np.abs(away_N) <= RELATIVE_SPREAD * of.magnitude[group_N])
    away_N[noise_N] = 0.0
    return away_N


def quiet(values_N: FloatArray, scale: float) -> FloatArray:
    """Return the values, with those that are rounding beside numbers of a scale set to exactly 0."""
    return np.where(np.abs(values_N) <= _NOISE * scale, 0.0, values_N)


def standardise(
    values_N: FloatArray, group_N: IntArray, of: Moments, mode: str, epsilon: float
) -> FloatArray:
    """Return (value - mean) / (std + epsilon) under mode "mean_std", value - mean under "mean".

    A group without spread gives exactly 0 under "mean_std".
    """
    away_N = centre(values_N, group_N, of)
    if mode == "mean":
        return away_N
    scaled: FloatArray = np.where(
        of.alive[group_N], away_N / (np.where(of.alive, of.std, 1.0)[group_N] + epsilon), 0.0
    )
    return scaled


def average(values: NDArray[Any]) -> float:
    """Return the mean of some values, 0 of none: a figure for the log."""
    return float(values.mean()) if values.size else 0.0
