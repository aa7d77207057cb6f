"""Rewards by likelihood, by a verifier that errs, and of steps, by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import turnwise.credit as credit
from turnwise.credit import TurnTable
from turnwise.errors import TableError, UsageError
from turnwise.trainers.rewards import noisy, renorm, unlikely

EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}


def table(rewards: list[list[float]], **columns: Any) -> TurnTable:
    """Build one group from the rewards of its trajectories."""
    flat = [(path, reward) for path, own in enumerate(rewards) for reward in own]
    return TurnTable.from_columns(
        group=["g"] * len(flat), trajectory=[p for p, _ in flat], reward=[r for _, r in flat], **columns
    )


def test_the_likeliest_answer_loses_most_and_equal_ones_the_same() -> None:
    # means of -1, -1 and -2 a token: the last ranks 0, the two others share 1 and 2
    batch = table([[0.5, 0.5], [1.0], [1.0]], logprob=[-3.0, -1.0, -2.0, -2.0], num_tokens=[2, 2, 2, 1])
    made = unlikely(batch, penalty=0.5)
    shared = 1 - 0.5 * 1.5 / 3
    np.testing.assert_allclose(made.reward, [0.5 * shared, 0.5 * shared, shared, 1.0], **EXACT)
    np.testing.assert_allclose(made.episode_return, [shared, shared, shared, 1.0], **EXACT)
    failed = table(
        [[1.0], [1.0], [1.0]],
        logprob=[-1.0, -3.0, -2.0],
        num_tokens=[1] * 3,
        end=["terminated", "error", "horizon"],
    )
    np.testing.assert_allclose(unlikely(failed).reward[[0, 2]], [1 - 0.25 / 2, 1.0], **EXACT)
    with pytest.raises(TableError, match="unlikely needs column 'logprob'"):
        unlikely(table([[1.0]], num_tokens=[1]))
    with pytest.raises(UsageError, match="penalty=2; expected a number from 0 to 1"):
        unlikely(batch, penalty=2)


@pytest.mark.parametrize(("form", "factor"), [("backward", 1.0), ("forward", 1 - 0.1 - 0.3)])
def test_over_all_errors_of_a_verifier_the_advantage_is_the_true_one(form: Any, factor: float) -> None:
    truth, false_positive, false_negative = (1, 0, 0), 0.1, 0.3
    mean = np.zeros(3)
    for verdict in product((0, 1), repeat=3):
        wrong = [false_negative if right else false_positive for right in truth]
        chances = [
            p if said != right else 1 - p for said, right, p in zip(verdict, truth, wrong, strict=True)
        ]
        told = noisy(
            table([[float(v)] for v in verdict]),
            false_negative=false_negative,
            false_positive=false_positive if form == "backward" else 0.0,
            form=form,
        )
        mean += np.prod(chances) * credit.dr_grpo(told).advantage
    expected = credit.dr_grpo(table([[float(t)] for t in truth])).advantage
    np.testing.assert_allclose(mean, factor * expected, **EXACT)


def test_verdicts_are_the_last_rewards_and_nothing_else() -> None:
    made = noisy(table([[0.5, 10.0], [0.0]]), false_negative=0.2, false_positive=0.3, right=10.0)
    np.testing.assert_allclose(made.reward, [0.5, 10 * 0.7 / 0.5, 10 * -0.3 / 0.5], **EXACT)
    np.testing.assert_allclose(made.episode_return, [14.5, 14.5, -6.0], **EXACT)
    forward = noisy(table([[1.0], [0.0]]), false_negative=0.2, form="forward")
    np.testing.assert_allclose(forward.reward, [0.2, -0.8], **EXACT)
    with pytest.raises(UsageError, match=r"turn 1 \(row 1\) is 0.5; expected a verdict, 0 or 1"):
        noisy(table([[0.0, 0.5]]), false_negative=0.2)
    with pytest.raises(UsageError, match="expected rates of at least 0 that are below 1 together"):
        noisy(table([[1.0]]), false_negative=0.6, false_positive=0.4)


def test_a_step_counts_as_far_as_the_outcome_bears_it_out() -> None:
    batch = table([[0.0, 1.0], [0.0, 0.0, 0.0]], judge=[0.5, np.nan, 0.4, 0.8, np.nan])
    plain = renorm(batch, column="judge")
    np.testing.assert_allclose(plain.reward, [0.5 + 1 - 1, 1.0, 0.4 - 1, 0.8 - 1, 0.0], **EXACT)
    mean = (0.5 - 0.6 - 0.2) / 3
    deviation = np.sqrt(((0.5 - mean) ** 2 + (-0.6 - mean) ** 2 + (-0.2 - mean) ** 2) / 3)
    scaled = renorm(batch, column="judge", scale="batch", epsilon=0.0)
    np.testing.assert_allclose(scaled.reward[[0, 2, 3]], np.array([0.5, -0.6, -0.2]) / deviation, **EXACT)
    assert scaled.reward[[1, 4]].tolist() == [1.0, 0.0]
    apart = TurnTable.from_columns(
        group=[*"gggghhhh"],
        trajectory=[0, 0, 1, 1, 0, 0, 1, 1],
        reward=[0.0] * 8,
        judge=[1.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.0],
    )  # sums 0, -1 have deviation 1/2; -1/2 and -1/2 have none
    grouped = renorm(apart, column="judge", scale="group", epsilon=0.5).reward
    np.testing.assert_allclose(grouped, [0, 0, -1 / (1 / 2 + 1 / 2), 0, -1 / 2, 0, -1 / 2, 0], **EXACT)
    with pytest.raises(TableError, match=r"judge of trajectory 0, turn 0 \(row 0\) is nan"):
        renorm(table([[0.0, 1.0]], judge=[np.nan, 0.0]), column="judge")
