"""Groups in halves, by role, turn and quantile, and trees, by hand: each number stands as its arithmetic."""

from __future__ import annotations

from math import gamma, sqrt
from typing import Any

import numpy as np
import pytest

import turnwise.credit as credit
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.credit import TurnTable
from turnwise.errors import TableError, UsageError

EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}


def table(rewards: list[list[float]], group: list[str] | None = None, **columns: Any) -> TurnTable:
    """Build a table from the rewards of its trajectories; one group unless their groups are given."""
    names = group or ["g"] * len(rewards)
    flat = [(path, reward) for path, own in enumerate(rewards) for reward in own]
    return TurnTable.from_columns(
        group=[names[path] for path, _ in flat],
        trajectory=[path for path, _ in flat],
        reward=[reward for _, reward in flat],
        **columns,
    )


# OPMD and AsymRE: returns 2, 0, 1
def test_opmd_and_asymre() -> None:
    three = table([[2.0], [0.0], [1.0]])
    np.testing.assert_allclose(credit.opmd(three).advantage, [1, -1, 0], **EXACT)
    lean = np.log((np.exp(2.0) + 1.0 + np.exp(1.0)) / 3)
    np.testing.assert_allclose(
        credit.opmd(three, baseline="logavgexp").advantage, [2 - lean, -lean, 1 - lean], **EXACT
    )
    np.testing.assert_allclose(credit.asymre(three, shift=-0.5).advantage, [1.5, -0.5, 0.5], **EXACT)
    assert credit.asymre(table([[1.0], [1.0]])).advantage.tolist() == [0.1, 0.1]
    assert credit.opmd(table([[0.1], [0.1], [0.1]]), baseline="logavgexp").advantage.tolist() == [0.0] * 3
    with pytest.raises(UsageError, match="tau=0; expected a number above 0"):
        credit.opmd(three, tau=0)


# CANON: lengths 1, 2, 3 and returns 1, 0, 1/2: the first is the short half, the others are the long one
def test_canon_between_halves_and_inside_them() -> None:
    three = table([[1.0], [0.0, 0.0], [0.0, 0.0, 0.5]])
    first = [0, 1, 3]
    between = credit.canon(three, mu=1.0).advantage[first]
    np.testing.assert_allclose(between, [1 - 1 / 4, 0 - 1, 1 / 2 - 1], **EXACT)
    inside = credit.canon(three, mu=0.0).advantage[first]
    np.testing.assert_allclose(inside, [0, 0 - 1 / 4, 1 / 2 - 1 / 4], **EXACT)
    both = credit.canon(three, mu=0.25, alpha=0.5, beta=0.1, weighed="lower").advantage[first]
    expected = [1 / 4 * (1 / 2 - 1 / 4 - 0.1), 1 / 4 * (0 - 1 / 2 + 0.1) - 3 / 4 * 1 / 4]
    np.testing.assert_allclose(both[:2], expected, **EXACT)


def test_canon_shares_what_is_equal_between_the_halves() -> None:
    same = table([[1.0], [0.0]])
    np.testing.assert_allclose(credit.canon(same).parts["upper"], [1 / 2, 1 / 2])
    np.testing.assert_allclose(credit.canon(same).advantage, credit.dr_grpo(same).advantage, **EXACT)
    calls = table([[1.0, 0.0], [0.0, 0.0]], tool_calls=[1.0, 1.0, 0.0, 3.0], num_tokens=[1, 3, 4, 4])
    assert (
        credit.canon(calls, metric="tool_calls", per="token").parts["metric"].tolist()
        == [0.5] * 2 + [0.375] * 2
    )
    assert (
        credit.canon(calls, metric="tool_calls", per="turn").parts["metric"].tolist() == [1.0] * 2 + [1.5] * 2
    )


# BNPO: means 1/2 and 1 have mean 3/4 and variance 1/8, so spread (3/16) / (1/8) - 1 = 1/2, a = 3/8, b = 1/8
def test_bnpo() -> None:
    batch = table([[1.0], [0.0], [1.0], [1.0]], ["g", "g", "h", "h"])
    alpha, beta = 1 + 3 / 8 / 3, 1 + 1 / 8 / 3
    density = 0.5 ** (alpha - 1) * 0.5 ** (beta - 1) * gamma(alpha + beta) / gamma(alpha) / gamma(beta)
    advantage = credit.bnpo(batch).advantage
    np.testing.assert_allclose(advantage, [0.5 / density, -0.5 / density, 0, 0], rtol=1e-12)
    assert credit.bnpo(batch, limit=10).parts["weight"][2:].tolist() == [pytest.approx(10.0)] * 2  # density 0
    alike = table([[1.0], [0.0], [0.0], [1.0]], ["g", "g", "h", "h"])
    assert credit.bnpo(alike).advantage.tolist() == [0.5, -0.5, -0.5, 0.5]
    with pytest.raises(TableError, match=r"mean returns of groups run from 0\.5 to 1; expected 0 to 0\.8"):
        credit.bnpo(batch, least=0.0, most=0.8)


# RiskPO: returns 0 to 4; quantiles 1/4 and 3/4 are 1 and 3
def test_risk_po() -> None:
    five = table([[0.0], [1.0], [2.0], [3.0], [4.0]])
    plain: dict[str, Any] = {
        "lower": 0.25,
        "upper": 0.75,
        "assign": "uniform",
        "scale": False,
        "epsilon": 0.0,
    }
    middle = credit.risk_po(five, mix=0.0, **plain).advantage
    np.testing.assert_allclose(middle, np.array([-2, -2, 1 - 2, 2 - 2, 3 - 1 - 2]) / 0.5, **EXACT)
    mixed = credit.risk_po(five, mix=1.0, **plain).advantage
    np.testing.assert_allclose(mixed, [(-4 - 1 / 0.25) / 2, -4 / 2, -2 / 2, 0, 0], **EXACT)
    with pytest.raises(UsageError, match=r"lower=0.9, upper=0.2.*expected 0 < lower < upper < 1"):
        credit.risk_po(five, lower=0.9, upper=0.2)


def test_risk_po_bundles_the_nth_trajectories_of_its_groups() -> None:
    two = table([[1.0], [3.0], [0.0], [10.0], [20.0]], ["g", "g", "g", "h", "h"])
    result = credit.risk_po(two, bundle=2, lower=0.25, upper=0.75, mix=0.0, assign="uniform", scale=False)
    assert result.parts["paper_score"].tolist() == [11, 23, 0, 11, 23]  # the third of g finds no partner
    np.testing.assert_allclose(result.advantage, [-6 / 0.5, 0, 0, -6 / 0.5, 0], atol=1e-4)  # 14 and 20
    halves = credit.risk_po(two, bundle=2, lower=0.25, upper=0.75, mix=0.0, assign="score", scale=False)
    np.testing.assert_allclose(halves.advantage, result.advantage / 2, **EXACT)
    low = table([[0.0], [1.0], [2.0]])
    failed = credit.risk_po(low, mix=0.0, assign="score", scale=False, upper=0.5).advantage
    np.testing.assert_allclose(failed, [1.5 * -0.6 / 0.3, 0, 0], atol=1e-4)  # quantiles 2/5 and 1


# ASPO: returns 1, 1, 0: A = 1/3 / sqrt(1/3) for the right; first calls end at tokens 2, 6, lengths 4, 6
def test_aspo() -> None:
    batch = table(
        [[0.0, 1.0], [0.0, 1.0], [0.0]], num_tokens=[2, 2, 3, 3, 2], tool_calls=[1.0, 1.0, 0.0, 2.0, 1.0]
    )
    right = 1 / 3 / sqrt(1 / 3)
    early = credit.aspo(batch, delta=-0.5, epsilon=0.0)
    assert early.parts["first_call"].tolist() == [2, 2, 6, 6, 2]
    moved = -0.5 * (2 - 4) / 5
    np.testing.assert_allclose(early.parts["shaping"], [moved, moved, -moved, -moved, 0], **EXACT)
    np.testing.assert_allclose(
        early.advantage[[0, 2, 4]], [right + moved, right - moved, -2 * right], **EXACT
    )
    bounded = credit.aspo(batch, delta=-5.0, limit=0.25, epsilon=0.0).advantage
    np.testing.assert_allclose(bounded[[0, 2, 4]], [1.25 * right, 0.75 * right, -2 * right], **EXACT)
    assert list(early.figures.values()) == pytest.approx([10 / 3, 2 / 3, 0.0])  # first call, shaped, bounded
    assert credit.aspo(batch, delta=-5.0, limit=0.25).figures["bounded"] == pytest.approx(2 / 3)
    silent = table([[1.0], [1.0], [0.0]], num_tokens=[3, 1, 1], tool_calls=[0.0, 1.0, 0.0])
    assert credit.aspo(silent).parts["first_call"].tolist() == [-1.0, 1.0, -1.0]
    assert credit.aspo(silent).parts["shaping"].tolist() == [0.0, 0.0, 0.0]
    solved = table([[1.0], [1.0]], num_tokens=[1, 9], tool_calls=[1.0, 1.0])
    assert credit.aspo(solved).advantage.tolist() == [0.0, 0.0]  # nothing to hold the preference against
    with pytest.raises(UsageError, match="limit=-1; expected at least 0"):
        credit.aspo(batch, limit=-1)


# M-GRPO: episodes m h m h m and m h m with returns 2 and 0; calls of h earn 1, 0 | 1 of their own
ROLES = {"agent": list("mhmhm") + list("mhm")}
PLAYED = [[0.0, 1.0, 0.0, 0.0, 1.0], [0.0, 1.0, -1.0]]


def test_m_grpo_compares_calls_with_calls_and_episodes_with_episodes() -> None:
    result = credit.m_grpo(table(PLAYED, **ROLES), epsilon=0.0)
    assert result.parts["score"].tolist() == [2, 3, 2, 2, 2, 0, 1, 0]
    call = 1 / sqrt(2 / 3)  # scores 3, 2, 1; and 2, 0 of the main agent
    np.testing.assert_allclose(result.advantage, [1, call, 1, 0, 1, -1, -call, -1], **EXACT)
    named = credit.m_grpo(table(PLAYED, **ROLES), main="h", share=0.0, epsilon=0.0)
    assert named.parts["score"].tolist() == [0, 2, 0, 2, 1, 0, 0, -1]  # now each stretch of m is a rollout
    # m's rollouts 0, 0, 1 | 0, -1 have mean 0 and deviation sqrt(2 / 5)
    np.testing.assert_allclose(
        named.advantage[[0, 2, 4, 5, 7]], np.array([0, 0, 1, 0, -1]) / sqrt(2 / 5), **EXACT
    )


def test_m_grpo_compares_each_helper_with_itself() -> None:
    two = table([[0.0, 1.0, 5.0], [0.0, 0.0, 7.0]], agent=list("mhkmhk"), episode_return=[0.0] * 6)
    result = credit.m_grpo(two, epsilon=0.0)
    np.testing.assert_allclose(result.advantage, [0, 1, -1, 0, -1, 1], **EXACT)
    assert result.figures == {"calls": 2.0, "main": 1 / 3}
    assert credit.m_grpo(two, rollouts=2).parts["weight"].tolist() == [1, 2, 2, 1, 2, 2]
    softer = credit.m_grpo(two, epsilon=1.0).advantage
    np.testing.assert_allclose(softer[1], 1 / 2 / (1 / 2 + 1), **EXACT)
    named = credit.m_grpo(table(PLAYED, **ROLES), main="h", rollouts=2).parts["weight"]
    np.testing.assert_allclose(named, [2 / 3, 1, 2 / 3, 1, 2 / 3, 1, 1, 1], **EXACT)


def test_m_grpo_brings_every_episode_to_one_number_of_calls() -> None:
    # scores 3, 2 and twice 1: mean 7/4, squares 25/16 + 1/16 + 2 * 9/16 = 11/4 over 4
    result = credit.m_grpo(table(PLAYED, **ROLES), rollouts=2, epsilon=0.0)
    deviation = sqrt(11 / 4 / 4)
    assert result.parts["weight"][[1, 3, 6]].tolist() == [1, 1, 2]
    helper = np.array([5 / 4, 1 / 4, 2 * -3 / 4]) / deviation
    np.testing.assert_allclose(result.advantage[[1, 3, 6]], helper, **EXACT)
    with pytest.raises(UsageError, match="rollouts=-1; expected 0 or more"):
        credit.m_grpo(table(PLAYED, **ROLES), rollouts=-1)


def test_dvao_weighs_a_reward_by_how_much_the_group_differs_in_it() -> None:
    # returns 0, 0, 3, 3 have deviation 3/2, form 0, 1, 0, 1 has 1/2: weights 3/4 and 1/4
    batch, both = table([[0.0], [0.0], [3.0], [3.0]], form=[0.0, 1.0, 0.0, 1.0]), ["reward", "form"]
    result = credit.dvao(batch, rewards=both, epsilon=0.0)
    assert result.figures == {"weight_reward": 3 / 4, "weight_form": 1 / 4}
    np.testing.assert_allclose(result.advantage, [-1, -3 / 4 + 1 / 4, 3 / 4 - 1 / 4, 1], **EXACT)
    tuned = credit.dvao(batch, rewards=both, weights=[1.0, 6.0], epsilon=0.5).advantage
    np.testing.assert_allclose(tuned[:2], np.array([-3 / 2 - 3, -3 / 2 + 3]) / (9 / 2 + 1 / 2), **EXACT)
    even = table([[1.0], [1.0]], form=[0.0, 2.0])
    assert credit.dvao(even, rewards=both, epsilon=0.0).advantage.tolist() == [-1.0, 1.0]
    same = table([[1.0], [1.0]], form=[0.5, 0.5])
    assert credit.dvao(same, rewards=both).advantage.tolist() == [0.0, 0.0]
    summed = credit.grpo(table([[0.0], [1.0], [3.0], [4.0]]), epsilon=0.0).advantage * sqrt(4 / 3)  # ddof 0
    assert (np.abs(result.advantage) <= np.abs(summed) + 1e-12).all()


ALONE = ["dvao", "opmd", "asymre", "canon", "bnpo", "risk_po", "aspo", "step_grpo", "spo_tree"]


@pytest.mark.parametrize("name", ALONE)
def test_a_group_of_one_has_nothing_to_be_compared_with(name: str) -> None:
    alone = table([[1.0], [3.0]], ["g", "h"], num_tokens=[1, 1], tool_calls=[1.0, 0.0])
    assert credit.get(name)(alone).advantage.tolist() == [0.0, 0.0]


def test_figures_for_the_log() -> None:
    three = table([[1.0], [0.0, 0.0], [0.0, 0.0, 0.5]])
    assert credit.canon(three).figures == {"upper_ahead": pytest.approx(1 / 4 - 1)}
    assert credit.opmd(three).figures == {"baseline": pytest.approx(0.5)}
    assert credit.opmd(three).parts["baseline"].tolist() == pytest.approx([0.5] * 6)
    four = table([[0.0], [1.0], [2.0], [3.0]])
    assert credit.risk_po(four, lower=0.5, upper=0.9).figures == {"tail": 0.5, "top": 0.25}
    batch = table([[1.0], [0.0], [1.0], [1.0]], ["g", "g", "h", "h"], num_tokens=[1] * 4)
    weight = credit.bnpo(batch)
    assert weight.figures == {"weight": weight.parts["weight"][0]}
    assert credit.bnpo(table([[1.0], [1.0]])).parts["weight"].tolist() == [1.0, 1.0]
    assert credit.gdpo(batch).figures == {"live_reward": 0.5}
    tree = credit.spo_tree(table(LEAVES, **FORKED))
    assert tree.figures == {"segments": 5 / 3, "moved": 4 / 5}


def test_step_grpo_compares_turns_of_one_number() -> None:
    batch = table([[1.0, 0.0], [0.0, 0.0, 5.0]], tier=[0.0, 4.0, 0.0, 2.0, 7.0])
    turn = 1 / 2 / sqrt(1 / 2)
    np.testing.assert_allclose(
        credit.step_grpo(batch, epsilon=0.0).advantage, [turn, 0, -turn, 0, 0], **EXACT
    )
    tier = credit.step_grpo(batch, column="tier", mode="mean").advantage
    assert tier.tolist() == [0, 1, 0, -1, 0]


def test_gdpo_keeps_what_a_larger_reward_would_drown() -> None:
    batch = table([[0.0], [0.0], [100.0], [100.0]], form=[0.0, 1.0, 0.0, 1.0], num_tokens=[1] * 4)
    result = credit.gdpo(batch, rewards=["reward", "form"], epsilon=0.0, white_epsilon=0.0)
    one = 1 / 2 / sqrt(1 / 3)  # z-score of two and two: 1/2 over sqrt(4 / 4 / 3)
    np.testing.assert_allclose(result.parts["combined"], [-2 * one, 0, 0, 2 * one], **EXACT)
    assert result.figures == {"live_reward": 1.0, "live_form": 1.0}
    np.testing.assert_allclose(result.advantage, np.array([-1, 0, 0, 1]) / sqrt(2 / 3), **EXACT)
    with pytest.raises(UsageError, match=r"weights \[1\.0\]; expected some, and one weight for each"):
        credit.gdpo(batch, rewards=["reward", "form"], weights=[1.0])


# a tree: 0 plays three turns; 1 leaves it before the second, 2 before the third; returns 1, 0, 1/2
FORKED = {"sampled_by": [0, 0, 0, 0, 1, 1, 0, 0, 2]}
LEAVES = [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.5]]


def test_a_stretch_between_forks_is_worth_what_it_added() -> None:
    result = credit.spo_tree(table(LEAVES, **FORKED))
    middle, first = (1 + 1 / 2) / 2, (3 / 4 + 0) / 2
    np.testing.assert_allclose(
        result.parts["value"], [first, middle, 1, first, 0, 0, first, middle, 0.5], **EXACT
    )
    second, other = middle - first, 0 - first
    expected = [0, second, 1 / 4, 0, other, other, 0, second, -1 / 4]
    np.testing.assert_allclose(result.advantage, expected, **EXACT)
    scaled = credit.spo_tree(table(LEAVES, **FORKED), mode="mean_std", epsilon=0.0).advantage
    np.testing.assert_allclose(scaled, np.sign(expected), **EXACT)


def test_an_episode_that_ends_where_others_go_on_is_one_of_what_follows() -> None:
    cut = table([*LEAVES, [0.0]], sampled_by=[*FORKED["sampled_by"], 0])
    result = credit.spo_tree(cut)
    first = (3 / 4 + 0 + 0) / 3
    np.testing.assert_allclose(result.advantage[[0, 1, 4, 9]], [0, 3 / 4 - first, -first, 0], **EXACT)
    apart = table([[1.0], [0.0, 0.0], [0.5]])
    np.testing.assert_allclose(credit.spo_tree(apart).advantage, credit.dr_grpo(apart).advantage, **EXACT)


def test_trajectories_tell_who_sampled_a_turn_and_how_likely_it_was() -> None:
    said = Generation("go", token_ids=(1, 2), logprobs=(-1.0, -0.5), entropy=(0.25, 0.5))
    turns = tuple(Turn(place, "o", "k", "go", 0.0, "k", said) for place in range(2))
    plain = Trajectory("e", "t", 0, "g", turns, "terminated", member=0)
    fork = Trajectory("e", "t", 0, "g", turns, "terminated", member=3, sampled_by=(0, 3))
    made = TurnTable.from_trajectories([plain, fork])
    assert made.column("sampled_by").tolist() == [0, 0, 0, 3]
    assert made.column("logprob").tolist() == [-1.5] * 4
    assert made.column("entropy").tolist() == [0.75] * 4
    silent = Trajectory("e", "t", 0, "g", (Turn(0, "o", "k", "go", 0.0, "k"),), "terminated")
    assert not {"sampled_by", "logprob", "entropy"} & set(TurnTable.from_trajectories([silent]).columns)
