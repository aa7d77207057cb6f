"""Statistics of two agents, on the same tasks or on tasks of their own; a tie stays a tie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from .errors import UsageError
from .intervals import wilson

RESAMPLES = 10_000
_MOST_PERMUTED = 4000  # results of both; of more the normal law is as good
_AS_LIKELY = 1 + 1e-7  # what is equal but for rounding
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
    Where all differences are the same the resamples are too, and would say that nothing else can be:
    between figures from 0 to 1 another difference may then come as often as a task that N others have
    not shown (at most 1 - ((1 - confidence) / 2)^(1/N), Clopper and Pearson 1934, Biometrika 26, 404-413),
    and be as far away as they go.

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
    if len(values) == 1:
        return _of_equal(float(values[0]), number, confidence)
    draws = np.random.default_rng(seed)
    step = max(1, _CELLS // len(values))
    means = [
        draws.multinomial(number, counts / number, size=min(step, RESAMPLES - begun)) @ values / number
        for begun in range(0, RESAMPLES, step)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _of_equal(value: float, number: int, confidence: float) -> tuple[float, float]:
    if not -1.0 <= value <= 1.0:  # of figures without known bounds nothing can be said
        return value, value
    unseen = 1.0 - ((1.0 - confidence) / 2) ** (1.0 / number)
    return value - unseen * (value + 1.0), value + unseen * (1.0 - value)


def fisher(first: int, num_first: int, second: int, num_second: int) -> float:
    """Return the two-sided p-value of Fisher's exact test of two success rates, on tasks of their own.

    Given all successes together, it is the chance of a table that is at most as likely as this one
    (Fisher 1935, J. R. Statist. Soc. 98, 39-82).

    Args:
        first: successes of the first, among `num_first` tasks; `second` likewise.
        num_first: tasks of the first.
        second: successes of the second.
        num_second: tasks of the second.

    Raises:
        UsageError: if there are more successes than tasks.
    """
    if not (0 <= first <= num_first and 0 <= second <= num_second):
        raise UsageError(f"{first} of {num_first}, {second} of {num_second}: expected no more than there are")
    total = first + second
    least, most = max(0, total - num_second), min(total, num_first)
    logs = np.array([_ways(num_first, k) + _ways(num_second, total - k) for k in range(least, most + 1)])
    chances = np.exp(logs - logs.max())
    as_likely = chances <= chances[first - least] * _AS_LIKELY
    return min(1.0, float(chances[as_likely].sum() / chances.sum()))


def newcombe(first: int, num_first: int, second: int, num_second: int) -> tuple[float, float]:
    """Return the 95 % interval of a difference of two success rates, on tasks of their own.

    It is made of the two score intervals (Newcombe 1998, Statist. Med. 17, 873-890, method 10).

    Args:
        first: successes of the first, among `num_first` tasks; `second` likewise.
        num_first: tasks of the first, at least 1.
        second: successes of the second.
        num_second: tasks of the second, at least 1.
    """
    one, two = first / num_first, second / num_second
    (low_1, high_1), (low_2, high_2) = wilson(first, num_first), wilson(second, num_second)
    difference = one - two
    return (
        difference - math.hypot(one - low_1, high_2 - two),
        difference + math.hypot(high_1 - one, two - low_2),
    )


def welch_interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a difference of means by the normal law; None below two results of one."""
    if min(len(first), len(second)) < 2:
        return None
    error = _standard_error(first, second)
    half = NormalDist().inv_cdf(0.975) * error
    difference = float(np.mean(first) - np.mean(second))
    return difference - half, difference + half


def permutation(first: Sequence[float], second: Sequence[float], seed: int = 0) -> float:
    """Return the two-sided p-value of the permutation test of two means, on tasks of their own.

    Under the null hypothesis it does not matter who reached which result: they are dealt out anew
    9 999 times, from a fixed seed, this deal counted too (Pitman 1937, J. R. Statist. Soc. Suppl. 4,
    119-130; Phipson and Smyth 2010, arXiv 1603.05766). Of more than 4000 results, the normal law.

    Raises:
        UsageError: if one has no result.
    """
    if not first or not second:
        raise UsageError(f"{len(first)} and {len(second)} results: expected at least one of each")
    values = np.concatenate([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)])
    difference = abs(float(np.mean(first) - np.mean(second)))
    if len(values) > _MOST_PERMUTED:
        error = _standard_error(first, second)
        return 1.0 if difference == 0 else math.erfc(difference / error / math.sqrt(2)) if error else 0.0
    draws, times, number = np.random.default_rng(seed), RESAMPLES - 1, len(first)
    least = difference - 1e-12 * max(1.0, float(np.abs(values).max()))
    step, more = max(1, _CELLS // len(values) // 4), 0
    for begun in range(0, times, step):
        dealt = draws.permuted(np.tile(values, (min(step, times - begun), 1)), axis=1)
        apart = dealt[:, :number].mean(axis=1) - dealt[:, number:].mean(axis=1)
        more += int((np.abs(apart) >= least).sum())
    return (1 + more) / (1 + times)


def _standard_error(first: Sequence[float], second: Sequence[float]) -> float:
    return math.sqrt(sum(float(np.var(each, ddof=1)) / len(each) for each in (first, second)))


def _ways(number: int, chosen: int) -> float:
    """Return the logarithm of how many ways there are to choose."""
    return math.lgamma(number + 1) - math.lgamma(chosen + 1) - math.lgamma(number - chosen + 1)


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
