"""Statistics of two agents on the same tasks; a tie stays a tie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import UsageError

RESAMPLES = 10_000
_CELLS = 1 << 24  # of one matrix of draws


def sign_test(better: int, worse: int) -> float:
    """Return the two-sided p-value of the exact sign test; for successes this is McNemar's exact test.

    Under the null hypothesis each task on which the two differ is as likely to be better as worse:
    twice the smaller tail of Binomial(better + worse, 1/2), at most 1. Ties say nothing of it
    (Dixon and Mood 1946, JASA 41, 557-566; McNemar 1947, Psychometrika 12, 153-157).

    Args:
        better: tasks on which the first is better.
        worse: tasks on which it is worse.
    """
    if better < 0 or worse < 0:
        raise UsageError(f"{better} better, {worse} worse: expected no number below 0")
    number, term, tail = better + worse, 1, 0
    for successes in range(min(better, worse) + 1):
        tail += term  # the ways to have so many successes
        term = term * (number - successes) // (successes + 1)
    return min(1.0, 2 * tail / (1 << number))


def bootstrap(differences: Sequence[float], seed: int = 0, confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of a mean difference: tasks are drawn anew, both agents on each.

    Efron 1979, Annals of Statistics 7, 1-26. It is over tasks as these, with the agents as they are.

    Args:
        differences: first minus second on each task [N].
        seed: of the draws: equal differences give an equal interval.
        confidence: of both sides together.

    Raises:
        UsageError: if there is no difference, or one is not finite.
    """
    values, counts = np.unique(np.asarray(differences, dtype=np.float64), return_counts=True)
    number = len(differences)
    if not number or not np.isfinite(values).all():
        raise UsageError(f"{number} differences between tasks: expected at least one, and finite numbers")
    draws = np.random.default_rng(seed)
    step = max(1, _CELLS // len(values))
    means = [
        draws.multinomial(number, counts / number, size=min(step, RESAMPLES - begun)) @ values / number
        for begun in range(0, RESAMPLES, step)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for having made so many tests (Holm 1979, Scand. J. Statist. 6, 65-70).

    The smallest of m is multiplied by m, the next by m - 1, and so on; none falls below one before it,
    and none exceeds 1. The chance of any false finding is then at most the level, whatever depends on what.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected
