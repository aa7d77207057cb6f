"""Whitening over tokens, where every token of a turn has the turn's number."""

from __future__ import annotations

import numpy as np

from ..table.columns import FloatArray, IntArray
from .groups import moments


def whitened(values_K: FloatArray, weight_K: IntArray, epsilon: float) -> FloatArray:
    """Return (value - mean) / sqrt(variance + epsilon), each value standing for `weight` tokens.

    The variance is the sample variance over tokens (ddof 1). All 0 where the
    values do not differ or there are fewer than two tokens.
    """
    some_K = weight_K > 0
    one = np.zeros(int(some_K.sum()), dtype=np.int64)
    total = int(weight_K.sum())
    if total < 2 or not moments(values_K[some_K], one, 1).alive[0]:
        return np.zeros(values_K.size)
    mean = (weight_K * values_K).sum() / total
    variance = (weight_K * (values_K - mean) ** 2).sum() / (total - 1)
    white_K: FloatArray = (values_K - mean) / np.sqrt(variance + epsilon)
    return white_K
