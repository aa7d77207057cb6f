"""How far advantages are from the true ones: bias, variance, signs, ranks, gradients.

Estimators have scales of their own, which a step size absorbs; every figure here
is free of it. docs/credit-truth.md has the definitions.

Shapes: _E estimators, _N visited turns, _J turns whose episodes were drawn again,
_R redraws of each, _P parameters of the policy, _K tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MEASURES = ("bias", "variance", "sign", "sign_clear", "rank", "cosine")
CLEAR = 2.0
"""An advantage is clear if it is this many standard errors away from 0."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The measured advantages of turns.

    `first_N` and `second_N` rest on disjoint halves of the rollouts: their errors
    are independent, so the mean of their product is the mean square of the true
    advantage, which the square of `advantage_N` overstates.
    """

    advantage_N: Floats
    first_N: Floats
    second_N: Floats
    error_N: Floats  # standard error of advantage_N

    @property
    def energy(self) -> float:
        """Return the mean square of the true advantage, free of the error of the rollouts."""
        return float((self.first_N * self.second_N).mean())

    def of(self, rows: NDArray[np.int64]) -> Truth:
        """Return the truth of some turns."""
        return Truth(self.advantage_N[rows], self.first_N[rows], self.second_N[rows], self.error_N[rows])


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of some turns, and what estimators say of them."""

    truth: Truth  # of the visited turns
    task_N: Ints
    guess_EN: Floats
    slope_NP: Floats  # gradients of the log-probabilities of the actions; without columns: not known
    redrawn: Truth  # of the turns that were redrawn
    task_J: Ints
    guess_EJR: Floats


def average_ranks(values: Floats) -> Floats:
    """Return ranks from 0, equal values sharing the mean of theirs."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    rank_N: Floats = (np.cumsum(count) - (count + 1) / 2)[inverse]
    return rank_N


def correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's correlation; 0 if one side does not vary."""
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0


def spearman(guess_EN: Floats, truth_N: Floats) -> Floats:
    """Return the rank correlation of each estimator with the measured advantage [E]."""
    rank_N = average_ranks(truth_N)
    return np.array([correlation(average_ranks(guess_N), rank_N) for guess_N in guess_EN])


def signs(guess_EN: Floats, truth_N: Floats) -> Floats:
    """Return the share of turns whose sign is right [E]; an advantage of 0 is half right.

    Turns whose measured advantage is 0 are left out; NaN where there is no other.
    """
    told_N = truth_N != 0
    if not told_N.any():
        return np.full(len(guess_EN), np.nan)
    right_E: Floats = (1 + (np.sign(guess_EN) * np.sign(truth_N))[:, told_N].mean(axis=1)) / 2
    return right_E


def cosines(guess_EP: Floats, whole_P: Floats, first_P: Floats, second_P: Floats) -> Floats:
    """Return the cosine of each gradient with the true one [E].

    Args:
        guess_EP: gradients under the estimators' advantages.
        whole_P: that under the measured advantages.
        first_P: that under the first half of the rollouts.
        second_P: that under the second half. The square of the true gradient is
            the product of both, whose errors are independent.
    """
    square = float(first_P @ second_P)
    size_E = np.sqrt((guess_EP**2).sum(axis=1) * max(square, 0.0))
    cosine_E: Floats = np.divide(guess_EP @ whole_P, size_E, out=np.zeros(len(guess_EP)), where=size_E > 0)
    return cosine_E


def parts_of_error(guess_EJR: Floats, truth: Truth) -> tuple[Floats, Floats]:
    """Return bias and variance of each estimator [E], as multiples of the true advantage's mean square.

    The estimator is first scaled by the k for which its mean over the redraws
    fits the truth best. Bias is what that fit leaves, variance the scatter of the
    redraws around their mean. Products of halves stand for squares throughout.
    NaN where the error of the rollouts hides the truth altogether.
    """
    if truth.energy <= 0:
        return np.full(len(guess_EJR), np.nan), np.full(len(guess_EJR), np.nan)
    half = guess_EJR.shape[2] // 2
    first_EJ, second_EJ = guess_EJR[:, :, :half].mean(axis=2), guess_EJR[:, :, half:].mean(axis=2)
    mean_EJ = guess_EJR.mean(axis=2)
    both_E = (mean_EJ * truth.advantage_N).mean(axis=1)
    square_E = (first_EJ * second_EJ).mean(axis=1)
    scatter_E = guess_EJR.var(axis=2, ddof=1).mean(axis=1)
    told_E = square_E > 0
    fit_E = np.divide(both_E, square_E, out=np.zeros_like(both_E), where=told_E)
    bias_E = 1.0 - fit_E * both_E / truth.energy
    return bias_E, fit_E**2 * scatter_E / truth.energy


def bounds(values_B: Floats) -> tuple[float, float]:
    """Return a measure less and plus two standard errors; the first value is the measure itself.

    The standard error is half the distance between the 16th and 84th percentiles
    of the bootstrap replicates. The percentiles themselves are no interval here:
    a replicate has fewer distinct tasks, and so a lower cosine, than the batch.
    """
    if np.isnan(values_B[0]):
        return float("nan"), float("nan")
    low, high = np.nanquantile(values_B[1:], [0.16, 0.84])
    return float(values_B[0] - (high - low)), float(values_B[0] + (high - low))


def _measured(evidence: Evidence, tasks: Ints, gradients: tuple[Floats, ...]) -> Floats:
    """Return every measure of every estimator over some tasks, repeated ones counted again [measure, E]."""
    rows = np.concatenate([np.flatnonzero(evidence.task_N == task) for task in tasks])
    chosen = np.concatenate([np.flatnonzero(evidence.task_J == task) for task in tasks])
    guess_EN, truth_N = evidence.guess_EN[:, rows], evidence.truth.advantage_N[rows]
    clear = np.abs(truth_N) > CLEAR * evidence.truth.error_N[rows]
    bias_E, variance_E = parts_of_error(evidence.guess_EJR[:, chosen], evidence.redrawn.of(chosen))
    guess_EKP, *true_KPs = gradients
    whole_P, first_P, second_P = (gradient_KP[tasks].sum(axis=0) for gradient_KP in true_KPs)
    return np.array(
        [
            bias_E,
            variance_E,
            signs(guess_EN, truth_N),
            signs(guess_EN[:, clear], truth_N[clear]),
            spearman(guess_EN, truth_N),
            cosines(guess_EKP[:, tasks].sum(axis=1), whole_P, first_P, second_P),
        ]
    )


def intervals(evidence: Evidence, num_resamples: int, seed: int) -> Floats:
    """Return every measure, then as many bootstrap replicates over tasks [1 + resamples, measure, E]."""
    num_tasks = int(evidence.task_N.max()) + 1
    truth = evidence.truth
    weight_XN = np.stack([*evidence.guess_EN, truth.advantage_N, truth.first_N, truth.second_N])
    gradient_XKP = np.stack(
        [
            weight_XN[:, evidence.task_N == task] @ evidence.slope_NP[evidence.task_N == task]
            for task in range(num_tasks)
        ],
        axis=1,
    )
    gradients = (gradient_XKP[:-3], gradient_XKP[-3], gradient_XKP[-2], gradient_XKP[-1])
    draw = np.random.default_rng(seed)
    samples = [np.arange(num_tasks), *draw.integers(0, num_tasks, (num_resamples, num_tasks))]
    return np.stack([_measured(evidence, tasks, gradients) for tasks in samples])
