"""Two agents compared: on the same tasks, task by task; or on tasks of their own, as two samples.

Which of both it is decides the test. Runs of a benchmark that draws fresh tasks share none: to pair their
tasks by number would pair what has nothing in common.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist, fmean, stdev
from typing import Any

from ...errors import UsageError
from ...significance import bootstrap, fisher, newcombe, permutation, sign_test, welch_interval

LEVEL = 0.05
_MOST_RESAMPLED = 4000  # different differences; of more the normal law is as good
PAIRED = "the same tasks: exact sign test (McNemar's for successes), interval of the paired bootstrap"
RATES = "tasks of their own, unpaired: Fisher's exact test, Newcombe's interval"
MEANS = "tasks of their own, unpaired: permutation test of the means, interval of the normal law"


@dataclass(frozen=True, slots=True)
class Difference:
    """What is known of two agents; all figures are first minus second.

    Args:
        paired: whether it is of the same tasks.
        test: which test and interval, in words.
        tasks: that count, of the first and of the second; the same where paired.
        left_out: tasks that only one has, or whose result is unknown.
        difference: of the means, with its 95 % interval.
        better: tasks on which the first is better; `worse` and `ties` likewise; None where unpaired.
        p_value: two-sided.
    """

    paired: bool
    test: str
    tasks: tuple[int, int]
    left_out: int
    first_mean: float
    second_mean: float
    difference: float
    low: float | None
    high: float | None
    better: int | None
    worse: int | None
    ties: int | None
    p_value: float

    @property
    def ahead(self) -> float:
        """Return a number above 0 if the first did better: by tasks where these are the same, or by means."""
        if self.better is None or self.worse is None:
            return self.difference
        return float(self.better - self.worse)

    @property
    def verdict(self) -> str:
        """Say which is better at a level of 5 %; a tie if that is not known."""
        if self.p_value > LEVEL:
            return "tie"
        return "the first is better" if self.ahead > 0 else "the second is better"

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {**asdict(self), "level": LEVEL, "verdict": self.verdict}


def on_same_tasks(first: Mapping[str, float | None], second: Mapping[str, float | None]) -> Difference:
    """Compare two agents on the tasks of which both have a known result.

    Raises:
        UsageError: if there is none.
    """
    names = dict.fromkeys([*first, *second])
    both = [
        (one, two)
        for name in names
        if (one := first.get(name)) is not None and (two := second.get(name)) is not None
    ]
    if not both:
        raise UsageError("there is no task of which both have a known result")
    differences = [one - two for one, two in both]
    better, worse = sum(value > 0 for value in differences), sum(value < 0 for value in differences)
    low, high = _interval(differences)
    return Difference(
        paired=True,
        test=PAIRED,
        tasks=(len(both), len(both)),
        left_out=len(names) - len(both),
        first_mean=sum(one for one, _ in both) / len(both),
        second_mean=sum(two for _, two in both) / len(both),
        difference=sum(differences) / len(both),
        low=low,
        high=high,
        better=better,
        worse=worse,
        ties=len(both) - better - worse,
        p_value=sign_test(better, worse),
    )


def on_own_tasks(first: Sequence[float | None], second: Sequence[float | None]) -> Difference:
    """Compare two agents that have played tasks of their own, drawn alike.

    Raises:
        UsageError: if one has no known result.
    """
    one, two = ([value for value in values if value is not None] for values in (first, second))
    if not all(map(math.isfinite, (*one, *two))):
        raise UsageError("a result is not a finite number, so that nothing is compared")
    if not one or not two:
        raise UsageError(f"{len(one)} and {len(two)} tasks with a known result: expected one or more of each")
    rates = {*one, *two} <= {0.0, 1.0}
    counts = (round(sum(one)), len(one), round(sum(two)), len(two))
    low, high = newcombe(*counts) if rates else welch_interval(one, two) or (None, None)
    return Difference(
        paired=False,
        test=RATES if rates else MEANS,
        tasks=(len(one), len(two)),
        left_out=len(first) + len(second) - len(one) - len(two),
        first_mean=fmean(one),
        second_mean=fmean(two),
        difference=fmean(one) - fmean(two),
        low=low,
        high=high,
        better=None,
        worse=None,
        ties=None,
        p_value=fisher(*counts) if rates else permutation(one, two),
    )


def _interval(differences: Sequence[float]) -> tuple[float, float]:
    if len(set(differences)) <= _MOST_RESAMPLED:
        return bootstrap(differences)
    half = NormalDist().inv_cdf(0.975) * stdev(differences) / len(differences) ** 0.5
    return fmean(differences) - half, fmean(differences) + half
