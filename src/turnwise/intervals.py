"""Confidence intervals of measured rates."""

from __future__ import annotations

import math
from statistics import NormalDist

from .errors import UsageError


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a success rate (Wilson 1927, JASA 22, 209-212).

    It keeps its coverage near 0 and 1 and for few trials, where the usual
    interval around the mean fails (Brown, Cai, DasGupta 2001).

    Args:
        successes: how many trials succeeded.
        trials: independent trials; 0 gives (0, 1).
        confidence: of both sides together.

    Raises:
        UsageError: if the counts or the confidence make no sense.
    """
    if not (0 <= successes <= trials and 0 < confidence < 1):
        raise UsageError(f"{successes} successes in {trials} trials at confidence {confidence}")
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, z2 = successes / trials, z * z
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = z / (1 + z2 / trials) * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials * trials))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return low, high
