"""Sums along a trajectory, from its last turn back to its first, in linear time."""

from __future__ import annotations

import numpy as np

from .columns import BoolArray, FloatArray

__all__ = ["discounted_sum", "recurrence"]


def discounted_sum(values_N: FloatArray, last_N: BoolArray, gamma: float) -> FloatArray:
    """Return y_t = values_t + gamma * y_(t+1), starting anew after each last turn [N]."""
    return recurrence(values_N, np.where(last_N, 0.0, gamma))


def recurrence(values_N: FloatArray, decay_N: FloatArray) -> FloatArray:
    """Return y_t = values_t + decay_t * y_(t+1), with y = 0 beyond the end [N].

    A plain loop over Python floats: 0.1 microseconds a turn, whatever the
    lengths of the trajectories.
    """
    total = 0.0
    backwards = []
    for value, decay in zip(values_N[::-1].tolist(), decay_N[::-1].tolist(), strict=True):
        total = value + decay * total
        backwards.append(total)
    return np.array(backwards[::-1], dtype=np.float64)
