"""Confidence intervals of measured rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

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


def student_mean(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the interval of a mean by Student's law (1908, Biometrika 6, 1-25); None below two values.

    It holds for values that are drawn independently by the normal law, as the results of several seeds
    nearly are.

    Args:
        values: of which the mean is taken [N].
        confidence: of both sides together.
    """
    if len(values) < 2:
        return None
    half = student_quantile(len(values) - 1, confidence) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


def student_quantile(freedom: int, confidence: float = 0.95) -> float:
    """Return how far Student's law with so many degrees of freedom reaches to either side of 0.

    It is found by halving, from the finite sums of Abramowitz and Stegun (26.7.3 and 26.7.4).

    Raises:
        UsageError: without a degree of freedom, or with a confidence that makes no sense.
    """
    if freedom < 1 or not 0 < confidence < 1:
        raise UsageError(
            f"{freedom} degrees of freedom, confidence {confidence}: expected 1 or more, in (0, 1)"
        )
    low, high = 0.0, 1.0
    while _within(high, freedom) < confidence:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return high


def _within(reach: float, freedom: int) -> float:
    """Return the chance that Student's t lies between -reach and reach."""
    angle = math.atan(reach / math.sqrt(freedom))
    odd = freedom % 2
    term = total = math.cos(angle) if odd and freedom > 1 else 1.0 - odd
    for power in range(2 + odd, freedom - 1, 2):
        term *= (power - 1) / power * math.cos(angle) ** 2
        total += term
    summed = math.sin(angle) * total
    return 2 / math.pi * (angle + summed) if odd else summed
