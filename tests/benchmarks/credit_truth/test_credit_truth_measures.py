"""The measures, by hand and on advantages whose bias and variance are known."""

from __future__ import annotations

import numpy as np
import pytest

from turnwise.trainers.reports.truth.measures import (
    MEASURES,
    Evidence,
    Truth,
    average_ranks,
    correlation,
    cosines,
    intervals,
    parts_of_error,
    signs,
    spearman,
)


def exactly(advantage: list[float]) -> Truth:
    a = np.array(advantage)
    return Truth(a, a, a, np.zeros(len(a)))


def test_ranks_share_places() -> None:
    assert average_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [2.5, 0, 2.5, 1]


def test_correlation() -> None:
    # differences from the means -1, 0, 1 and -2, 1, 1: 3 / sqrt(2 * 6)
    assert correlation(np.array([1.0, 2, 3]), np.array([0.0, 3, 3])) == pytest.approx(3 / 12**0.5)
    assert correlation(np.ones(3), np.arange(3.0)) == 0.0


def test_spearman_sees_order_alone() -> None:
    truth = np.array([-1.0, 0.0, 2.0, 5.0])
    guess = np.array([np.exp(truth), -(truth**3), np.zeros(4)])
    np.testing.assert_allclose(spearman(guess, truth), [1, -1, 0], atol=1e-12)


def test_signs() -> None:
    truth = np.array([1.0, -1.0, 2.0, 0.0, -3.0])
    # right, wrong, none, (no truth), right: (1 + 0 + 1/2 + 1) / 4
    assert signs(np.array([[5.0, 1.0, 0.0, 9.0, -1.0]]), truth).tolist() == [2.5 / 4]
    assert np.isnan(signs(np.ones((1, 2)), np.zeros(2))).all()


def test_cosines() -> None:
    first, second = np.array([3.0, 0.0, 1.0]), np.array([3.0, 0.0, -1.0])  # halves with opposite errors
    whole = (first + second) / 2
    guess = np.array([[6.0, 0.0, 0.0], [0.0, 2.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    # the product of the halves is 9 - 1 = 8: the third has -3 / sqrt(2 * 8)
    expected = [18 / (6 * 8**0.5), 0, -3 / 16**0.5, 0]
    np.testing.assert_allclose(cosines(guess, whole, first, second), expected, atol=1e-12)


def test_bias_and_variance_by_hand() -> None:
    # truth 1 and -1. Redraws of the first guess: 2A with +1 and -1 around it in each half;
    # k = 1/2, no bias, scatter ddof 1 over 4 redraws 4/3, times k^2 = 1/3.
    noisy = [[3.0, 1.0, 3.0, 1.0], [-3.0, -1.0, -3.0, -1.0]]
    # The second always says 1 and 0: k = (1/2) / (1/2) = 1, fits half of the truth's square.
    blind = [[1.0] * 4, [0.0] * 4]
    bias, variance = parts_of_error(np.array([noisy, blind]), exactly([1.0, -1.0]))
    np.testing.assert_allclose(bias, [0, 1 / 2], atol=1e-12)
    np.testing.assert_allclose(variance, [1 / 3, 0], atol=1e-12)


def test_the_error_of_redraws_and_rollouts_is_no_bias() -> None:
    draw = np.random.default_rng(0)
    true = draw.normal(size=20_000)
    halves = [true + draw.normal(size=true.size) for _ in range(2)]
    truth = Truth((halves[0] + halves[1]) / 2, *halves, np.ones(true.size))
    guess = 5 * true[:, None] + 10 * draw.normal(size=(true.size, 8))
    bias, variance = parts_of_error(guess[None], truth)
    # unbiased; scaled by 1/5 the scatter has the variance (10 / 5)^2 = 4
    assert bias[0] == pytest.approx(0, abs=0.05)
    assert variance[0] == pytest.approx(4, rel=0.05)
    missing = np.where(true > 0, 5 * true, 0.0)[:, None] + 0 * guess
    half, none = parts_of_error(missing[None], truth)
    assert half[0] == pytest.approx(0.5, abs=0.05)
    assert none[0] == pytest.approx(0, abs=1e-12)


def test_what_the_error_hides_is_not_measured() -> None:
    hidden = Truth(np.zeros(2), np.array([1.0, -1.0]), np.array([-1.0, 1.0]), np.ones(2))
    bias, variance = parts_of_error(np.ones((3, 2, 4)), hidden)
    assert np.isnan(bias).all()
    assert np.isnan(variance).all()


@pytest.fixture
def evidence() -> Evidence:
    draw = np.random.default_rng(1)
    true = draw.normal(size=60)
    first, second = true + 0.1 * draw.normal(size=(2, 60))
    truth = Truth((first + second) / 2, first, second, np.full(60, 0.1))
    task = np.repeat(np.arange(4), 15)
    guess = np.array([true, -true, draw.normal(size=60)])
    redrawn = guess[:, :, None] + 0.1 * draw.normal(size=(3, 60, 8))
    return Evidence(truth, task, guess, draw.normal(size=(60, 30)), truth, task, redrawn)


def test_intervals_begin_with_the_measures_themselves(evidence: Evidence) -> None:
    found = intervals(evidence, 50, seed=0)
    assert found.shape == (51, len(MEASURES), 3)
    right, wrong, noise = (dict(zip(MEASURES, found[0, :, e], strict=True)) for e in range(3))
    assert right["bias"] == pytest.approx(0, abs=0.02)
    assert wrong["bias"] == pytest.approx(right["bias"], abs=1e-3)  # a scale of -k fits as well ...
    assert (wrong["sign_clear"], wrong["rank"] < -0.9, wrong["cosine"] < -0.9) == (0, True, True)  # ... alone
    assert (right["sign_clear"], right["rank"] > 0.9, right["cosine"] > 0.9) == (1, True, True)
    assert noise["bias"] > 0.8
    assert found[1:, :, 0].std(axis=0)[[0, 1, 4, 5]].min() > 0
    gradient = (evidence.guess_EN[0] @ evidence.slope_NP, evidence.truth.advantage_N @ evidence.slope_NP)
    halves = (evidence.truth.first_N @ evidence.slope_NP) @ (evidence.truth.second_N @ evidence.slope_NP)
    expected = gradient[0] @ gradient[1] / np.sqrt(gradient[0] @ gradient[0] * halves)
    assert right["cosine"] == pytest.approx(expected)


def test_resamples_are_of_whole_tasks(evidence: Evidence) -> None:
    lone = Evidence(
        evidence.truth,
        np.zeros(60, dtype=int),
        evidence.guess_EN,
        evidence.slope_NP,
        evidence.redrawn,
        np.zeros(60, dtype=int),
        evidence.guess_EJR,
    )
    found = intervals(lone, 5, seed=0)
    np.testing.assert_allclose(found[1:], np.broadcast_to(found[0], found[1:].shape))
