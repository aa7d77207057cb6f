"""Sums along a trajectory, from its last turn back to its first, in linear time."""

from __future__ import annotations

import numpy as np

from .columns import BoolArray, FloatArray


def discounted_sum(values_N: FloatArray, last_N: BoolArray, gamma: float) -> FloatArray:
    """Return y_t = values_t + gamma * y_(t+1), from 0 after each last turn [N]."""
    return recurrence(values_N, np.where(last_N, 0.0, gamma))


def recurrence(values_N: FloatArray, decay_N: FloatArray) -> FloatArray:
    """Return y_t = values_t + decay_t * y_(t+1), with y = 0 beyond the end [N].

    Stretches between decays of 0 do not touch each other. Many short ones are
    summed side by side, from their ends; few long ones one number after the
    other. Both ways do the same arithmetic in the same order.
    """
    if values_N.size == 0:
        return values_N.copy()
    total_N = np.array(values_N, dtype=np.float64)
    end_S = np.flatnonzero(np.append(decay_N[:-1] == 0.0, True))
    length_S = np.diff(end_S, prepend=-1)
    if length_S.max() * _WORTH > values_N.size:
        return _one_by_one(total_N, decay_N)
    longest_first = np.argsort(-length_S, kind="stable")
    end_S, length_S = end_S[longest_first], length_S[longest_first]
    shorter = np.searchsorted(-length_S, -np.arange(1, length_S[0]), side="left")
    for back, num_left in enumerate(shorter.tolist(), start=1):
        rows = end_S[:num_left] - back
        total_N[rows] += decay_N[rows] * total_N[rows + 1]
    return total_N


_WORTH = 30
"""Turns at which an array operation costs no more than so many steps of a loop."""


def _one_by_one(values_N: FloatArray, decay_N: FloatArray) -> FloatArray:
    total = 0.0
    backwards = []
    for value, decay in zip(values_N[::-1].tolist(), decay_N[::-1].tolist(), strict=True):
        total = value + decay * total
        backwards.append(total)
    return np.array(backwards[::-1], dtype=np.float64)
