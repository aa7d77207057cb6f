"""Q - V where both are known: a ladder of two steps and three turns, climbed by a coin.

Let V(h, n) be the chance to reach height 2 from height h in n turns, half of which go up.
V(1, n) = 1 - 1/2^n; V(0, 1) = 0; V(0, 2) = 1/4; V(0, 3) = V(1, 2) / 2 + V(0, 2) / 2 = 3/8 + 1/8 = 1/2.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from advantages import truth_of
from cell import Cell, States, _check_repeatable
from episodes import Episode
from forks import Situation, play_out, returns_from

V = {(0, 3): 1 / 2, (1, 2): 3 / 4, (0, 2): 1 / 4, (1, 1): 1 / 2, (0, 1): 0.0}


class Ladder:
    """Go up or stay; won at height 2, over after three turns."""

    def __init__(self, slippery: bool = False) -> None:
        self.height, self.left, self.slippery = 0, 3, slippery
        self.seeds: list[int] = []

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        slips = self.slippery and self.seeds[-1] % 2 == 0
        self.height += action == "up" and not slips
        self.left -= 1
        won = self.height == 2
        info = {"state_key": f"{self.height}", "admissible": ["stay", "up"]}
        return f"at {self.height}", float(won), won, not won and self.left == 0, info

    def clone(self) -> Ladder:
        return copy.deepcopy(self)

    def reseed(self, seed: int) -> None:
        self.seeds.append(seed)


class Coin:
    """Remember the heights that were seen; choose by a coin."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def act(self, admissible: Sequence[str], draw: Random) -> str:
        return admissible[int(draw.random() < 0.5)]

    def observe(self, observation: str) -> None:
        self.heard.append(observation)

    def fork(self) -> Coin:
        return copy.deepcopy(self)


def ladder(*actions: str, slippery: bool = False) -> Situation:
    situation = Situation(Ladder(slippery), Coin(), "0", ["stay", "up"]).fork(1)
    for action in actions:
        situation.take(action)
    return situation


@pytest.mark.parametrize(
    ("actions", "value"),
    [
        ((), V[0, 3]),
        (("up",), V[1, 2]),
        (("stay",), V[0, 2]),
        (("up", "stay"), V[1, 1]),
        (("stay", "stay"), V[0, 1]),
    ],
)
def test_values_are_the_means_of_returns(actions: tuple[str, ...], value: float) -> None:
    return_R = returns_from(ladder(*actions), 2000, seed=7)
    # the standard error of 2 000 coins is at most 0.0112
    assert return_R.mean() == pytest.approx(value, abs=0.045)
    assert set(return_R.tolist()) <= {0.0, 1.0}


def test_nothing_comes_after_the_end() -> None:
    won = ladder("up", "up")
    assert won.over
    assert returns_from(won, 5, seed=0).tolist() == [0.0] * 5


def test_forks_share_nothing_and_have_their_own_random_numbers() -> None:
    situation = ladder("up")
    before = (situation.world.height, list(situation.mind.heard))
    one, other = situation.fork(3), situation.fork(4)
    play_out(one, Random(0))
    assert (situation.world.height, situation.mind.heard) == before
    assert other.world.seeds[-1] == 4
    assert one.over
    assert not other.over
    returns = returns_from(situation, 50, seed=1)
    assert 0 < returns.mean() < 1  # not all rollouts alike
    assert np.array_equal(returns, returns_from(situation, 50, seed=1))
    assert not np.array_equal(returns, returns_from(situation, 50, seed=2))


def test_advantages_on_the_ladder() -> None:
    # up, stay, up from the bottom: A = 3/4 - 1/2, 1/2 - 3/4, 1 + 0 - 1/2
    value_S = np.array([V[0, 3], V[1, 2], V[1, 1], 0.0])
    exact = truth_of(
        np.array([0.0, 0.0, 1.0]),
        np.repeat(value_S[:, None], 4, axis=1),
        before_N=np.array([0, 1, 2]),
        after_N=np.array([1, 2, 3]),
        over_S=np.array([False, False, False, True]),
    )
    np.testing.assert_allclose(exact.advantage_N, [1 / 4, -1 / 4, 1 / 2], atol=1e-12)
    np.testing.assert_allclose(exact.first_N, exact.second_N, atol=1e-12)
    assert exact.energy == pytest.approx((1 / 16 + 1 / 16 + 1 / 4) / 3)


def test_halves_and_errors_of_the_measured_advantage() -> None:
    # state 0: returns 1, 0, 0, 0; state 1: 1, 1, 0, 1; the reward of the turn between is 2
    truth = truth_of(
        np.array([2.0]),
        np.array([[1.0, 0, 0, 0], [1.0, 1, 0, 1]]),
        before_N=np.array([0]),
        after_N=np.array([1]),
        over_S=np.array([False, False]),
    )
    assert truth.advantage_N.tolist() == [2 + 3 / 4 - 1 / 4]
    assert truth.first_N.tolist() == [2 + 1 - 1 / 2]
    assert truth.second_N.tolist() == [2 + 1 / 2 - 0]
    # variance of each: (4 * 3/16 + 1/4) / 5 = 1/5, so the error is sqrt((1/5 + 1/5) / 4)
    assert truth.error_N[0] == pytest.approx((0.4 / 4) ** 0.5)


def test_equal_returns_are_no_proof_and_the_end_is_known() -> None:
    truth = truth_of(
        np.array([1.0]),
        np.ones((2, 4)) * [[1.0], [0.0]],
        before_N=np.array([0]),
        after_N=np.array([1]),
        over_S=np.array([False, True]),
    )
    # (4 * 0 + 1/4) / 5 = 1/20 for the state, nothing for the end
    assert truth.error_N[0] == pytest.approx((1 / 20 / 4) ** 0.5)


def test_equal_histories_are_one_state() -> None:
    states = States(Cell("small", 3, 1.0, num_rollouts=400))

    def play(task: int, *actions: str) -> Episode:
        here, forks, steps = ladder(), [], []
        forks.append(here)
        for action in actions:
            here = here.fork(0)
            steps.append(here.take(action))
            forks.append(here)
        none = np.zeros(len(steps), dtype=int)
        episode = Episode(task, steps, np.zeros((len(steps), 1)), none, none)
        states.add(forks, episode)
        return episode

    episodes = [play(0, "up", "stay", "up"), play(0, "up", "stay", "stay"), play(1, "up", "up")]
    # the start, after up and after up, stay are shared by the first two; task 1 shares nothing
    assert states.spots == [[0, 1, 2, 3], [0, 1, 2, 4], [5, 6, 7]]
    truth = states.truth(episodes)
    expected = [1 / 4, -1 / 4, 1 / 2, 1 / 4, -1 / 4, -1 / 2, 1 / 4, 1 / 4]
    np.testing.assert_allclose(truth.advantage_N, expected, atol=0.15)  # error at most 0.035
    assert truth.advantage_N[0] == truth.advantage_N[3]


def test_a_world_that_answers_otherwise_each_time_is_refused() -> None:
    # under random dynamics r + V(next) would be one draw of Q, not Q
    for slippery in (False, True):
        start = ladder(slippery=slippery)
        after = start.fork(1)
        step = after.take("up")
        none = np.zeros(1, dtype=int)
        episode = Episode(0, [step], np.zeros((1, 1)), none, none)
        if slippery:
            with pytest.raises(RuntimeError, match="'up' at turn 0 does not lead to the same state"):
                _check_repeatable([start, after], episode)
        else:
            _check_repeatable([start, after], episode)
