"""Episode-level estimators and SALT, by hand: each expected number stands as its arithmetic."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

import turnwise.credit as credit
from turnwise.credit import TurnTable
from turnwise.errors import TableError, UnknownName

EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}


def table(returns: list[list[float]], **columns: Any) -> TurnTable:
    """Build one group from the rewards of its trajectories."""
    flat = [(path, reward) for path, rewards in enumerate(returns) for reward in rewards]
    return TurnTable.from_columns(
        group=["g"] * len(flat),
        trajectory=[path for path, _ in flat],
        reward=[reward for _, reward in flat],
        **columns,
    )


# GRPO: returns 2, 0, 1 in 1, 2 and 1 turns.
THREE = [[2.0], [0.0, 0.0], [1.0]]


def test_grpo_over_trajectories() -> None:
    # mean (2 + 0 + 1) / 3 = 1; deviation sqrt((1 + 1 + 0) / 2) = 1
    advantage = credit.grpo(table(THREE), epsilon=0.5).advantage
    np.testing.assert_allclose(advantage, [1 / 1.5, -1 / 1.5, -1 / 1.5, 0.0], **EXACT)


def test_grpo_over_turns_weighs_long_episodes_more() -> None:
    # rows 2, 0, 0, 1: mean 3 / 4, deviation sqrt((1.25^2 + 0.75^2 + 0.75^2 + 0.25^2) / 3)
    deviation = sqrt((1.25**2 + 2 * 0.75**2 + 0.25**2) / 3)
    advantage = credit.grpo(table(THREE), statistics="turns", epsilon=0.0).advantage
    np.testing.assert_allclose(
        advantage, [1.25 / deviation, -0.75 / deviation, -0.75 / deviation, 0.25 / deviation], **EXACT
    )


def test_grpo_takes_the_penalty_of_the_first_turn_for_the_trajectory() -> None:
    # scores: 2; 0 - 0.5 and 0; 1. First turns 2, -0.5, 1: mean 2.5 / 3, deviation from these three
    mean = 2.5 / 3
    deviation = sqrt(((2 - mean) ** 2 + (-0.5 - mean) ** 2 + (1 - mean) ** 2) / 2)
    batch = table(THREE, valid=[True, False, True, True])
    advantage = credit.grpo(batch, invalid_penalty=0.5, epsilon=0.0).advantage
    expected = [
        (2 - mean) / deviation,
        (-0.5 - mean) / deviation,
        (0 - mean) / deviation,
        (1 - mean) / deviation,
    ]
    np.testing.assert_allclose(advantage, expected, **EXACT)


def test_groups_of_one_under_grpo_dr_grpo_rloo() -> None:
    lone = table([[3.0, 1.0]])
    assert credit.grpo(lone).advantage.tolist() == [0.0, 0.0]
    assert credit.rloo(lone).advantage.tolist() == [0.0, 0.0]
    single = table([[3.0]])
    assert credit.grpo(single).advantage.tolist() == [0.0]
    # over turns a single row keeps its score, as the published code has it: mean 0, deviation 1
    np.testing.assert_allclose(credit.grpo(single, statistics="turns", epsilon=1.0).advantage, [3 / 2])
    np.testing.assert_allclose(credit.dr_grpo(single, statistics="turns").advantage, [3.0])
    np.testing.assert_allclose(credit.rloo(single, statistics="turns").advantage, [3.0])


def test_equal_returns_that_differ_by_rounding_give_exactly_zero_under_grpo_dr_grpo_rloo() -> None:
    batch = table([[0.1, 0.2], [0.3], [0.3]])  # 0.30000000000000004 and 0.3
    for method in (credit.grpo, credit.dr_grpo, credit.rloo):
        assert method(batch).advantage.tolist() == [0.0] * 4
    assert credit.broadcast(batch, outcome="return").advantage.tolist() == [0.0] * 4


def test_dr_grpo_charges_one_turn_of_a_dead_group() -> None:
    dead = table([[0.0], [0.0, 0.0]], valid=[True, True, False])
    np.testing.assert_allclose(credit.dr_grpo(dead, invalid_penalty=1.0).advantage, [0, 0, -1], **EXACT)
    # divided by a deviation of 0 it would be endless: under grpo a dead group stays dead
    assert credit.grpo(dead, invalid_penalty=1.0).advantage.tolist() == [0.0, 0.0, 0.0]


def test_dr_grpo_only_centres() -> None:
    np.testing.assert_allclose(credit.dr_grpo(table(THREE)).advantage, [1, -1, -1, 0], **EXACT)
    over_turns = credit.dr_grpo(table(THREE), statistics="turns").advantage
    np.testing.assert_allclose(over_turns, [1.25, -0.75, -0.75, 0.25], **EXACT)
    penalised = credit.dr_grpo(table(THREE, valid=[False, True, True, True]), invalid_penalty=1.0).advantage
    # scores 1, 0, 1: mean 2 / 3
    np.testing.assert_allclose(penalised, [1 / 3, -2 / 3, -2 / 3, 1 / 3], **EXACT)


@pytest.mark.parametrize("name", ["rloo", "dr_grpo"])
def test_rloo_and_dr_grpo_divide_by_nothing_and_have_no_epsilon(name: str) -> None:
    with pytest.raises(UnknownName, match="epsilon"):
        credit.get(name)(table(THREE), epsilon=1e-6)


def test_rloo_leaves_one_out() -> None:
    # 2 - (0 + 1) / 2, 0 - (2 + 1) / 2, 1 - (2 + 0) / 2
    np.testing.assert_allclose(credit.rloo(table(THREE)).advantage, [1.5, -1.5, -1.5, 0.0], **EXACT)
    # over turns: 2 - (0 + 0 + 1) / 3, 0 - (2 + 0 + 1) / 3 twice, 1 - (2 + 0 + 0) / 3
    over_turns = credit.rloo(table(THREE), statistics="turns").advantage
    np.testing.assert_allclose(over_turns, [2 - 1 / 3, -1.0, -1.0, 1 - 2 / 3], **EXACT)
    penalised = credit.rloo(table(THREE, valid=[False, True, True, True]), invalid_penalty=1.0).advantage
    # scores 1, 0, 1
    np.testing.assert_allclose(penalised, [1 - 0.5, 0 - 1.0, 0 - 1.0, 1 - 0.5], **EXACT)


def test_reinforce_pp_whitens_over_tokens() -> None:
    # returns to go: 1 on the turn of 3 tokens, 0 and 0 on turns of 1 and 2 tokens
    batch = table([[1.0], [0.0, 0.0]], num_tokens=[3, 1, 2])
    # 6 tokens: 1 1 1 0 0 0: mean 1 / 2, variance 6 * 0.25 / 5 = 0.3
    advantage = credit.reinforce_pp(batch, epsilon=0.0).advantage
    np.testing.assert_allclose(advantage, [0.5 / sqrt(0.3), -0.5 / sqrt(0.3), -0.5 / sqrt(0.3)], **EXACT)


def test_reinforce_pp_takes_the_return_to_go_or_the_episode() -> None:
    batch = table([[1.0, 2.0]], num_tokens=[1, 1])
    # to go: 3 and 2: mean 2.5, variance 2 * 0.25 / 1 = 0.5
    np.testing.assert_allclose(
        credit.reinforce_pp(batch, epsilon=0.0).advantage, [0.5 / sqrt(0.5), -0.5 / sqrt(0.5)], **EXACT
    )
    # over turns both have the episode's 3: nothing differs
    assert credit.reinforce_pp(batch, statistics="turns").advantage.tolist() == [0.0, 0.0]
    penalised = credit.reinforce_pp(
        table([[1.0, 2.0]], num_tokens=[1, 1], valid=[False, True]), invalid_penalty=3.0, epsilon=0.0
    )
    assert penalised.parts["last_return"].tolist() == [0.0, 2.0]


def test_reinforce_pp_discounts_from_token_to_token() -> None:
    # one trajectory, turns of 2 and 2 tokens, rewards 1 and 4 at their last tokens, gamma 1/2:
    # tokens of turn 2: 4 / 2, 4; tokens of turn 1: (1 + 4 / 4) / 2, 1 + 4 / 4
    tokens = np.array([1.0, 2.0, 2.0, 4.0])
    white = (tokens - 9 / 4) / sqrt(((tokens - 9 / 4) ** 2).sum() / 3)
    result = credit.reinforce_pp(table([[1.0, 4.0]], num_tokens=[2, 2]), gamma=0.5, epsilon=0.0)
    assert result.tokens is not None
    np.testing.assert_allclose(np.concatenate(result.tokens), white, **EXACT)
    np.testing.assert_allclose(result.advantage, [white[:2].mean(), white[2:].mean()], **EXACT)
    # over turns each stands alone with the episode's 5: 2.5, 5, 2.5, 5
    alone = credit.reinforce_pp(
        table([[1.0, 4.0]], num_tokens=[2, 2]), gamma=0.5, statistics="turns", epsilon=0.0
    )
    side = 1.25 / sqrt(4 * 1.25**2 / 3)
    assert alone.tokens is not None
    np.testing.assert_allclose(np.concatenate(alone.tokens), [-side, side, -side, side], **EXACT)


def test_reinforce_pp_says_tokens_only_where_they_differ() -> None:
    batch = table([[1.0, 4.0]], num_tokens=[1, 2])
    assert credit.reinforce_pp(batch).tokens is None
    # gamma 1/2: tokens 1 + 4 / 4 | 4 / 2, 4: 2, 2, 4: mean 8/3,
    # variance (4/9 + 4/9 + 16/9) / 2 = 4/3, and 1 more
    result = credit.reinforce_pp(batch, gamma=0.5, epsilon=1.0)
    assert result.tokens is not None
    expected = (np.array([2.0, 2.0, 4.0]) - 8 / 3) / sqrt(4 / 3 + 1)
    np.testing.assert_allclose(np.concatenate(result.tokens), expected, **EXACT)


def test_reinforce_pp_and_reinforce_pp_baseline_look_at_turns_with_tokens_only() -> None:
    batch = table([[1.0], [1.0], [5.0]], num_tokens=[1, 1, 0])
    assert credit.reinforce_pp(batch, epsilon=0.0).advantage.tolist() == [0.0] * 3
    assert credit.reinforce_pp(table([[1.0], [5.0]], num_tokens=[1, 0])).advantage.tolist() == [0.0, 0.0]
    dead = credit.reinforce_pp_baseline(table([[1.0], [1.0]], num_tokens=[1, 1]), epsilon=0.0)
    assert dead.advantage.tolist() == [0.0, 0.0]


def test_reinforce_pp_baseline_of_two_tokens_and_of_a_single_turn() -> None:
    # centred 1 and -1, one token each: variance 2 / 1
    pair = table([[3.0], [1.0]], num_tokens=[1, 1])
    side = 1 / sqrt(2)
    np.testing.assert_allclose(
        credit.reinforce_pp_baseline(pair, epsilon=0.0).advantage, [side, -side], **EXACT
    )
    # over turns a group of one single turn keeps its score, over trajectories it gives 0
    lone = TurnTable.from_columns(
        group=["g", "h", "h"], trajectory=[0, 0, 1], reward=[2.0, 4.0, 4.0], num_tokens=[1, 1, 1]
    )
    over_turns = credit.reinforce_pp_baseline(lone, statistics="turns")
    assert over_turns.parts["centred"].tolist() == [2.0, 0.0, 0.0]
    assert credit.reinforce_pp_baseline(lone).parts["centred"].tolist() == [0.0, 0.0, 0.0]


def test_reinforce_pp_baseline_charges_invalid_turns() -> None:
    charged = table([[3.0], [1.0]], num_tokens=[1, 1], valid=[False, True])
    assert credit.reinforce_pp_baseline(charged, invalid_penalty=1.0).parts["centred"].tolist() == [0.5, -0.5]


def test_reinforce_pp_baseline_over_trajectories() -> None:
    # centred 1, -1, -1, 0 on turns of 1, 1, 1 and 3 tokens: mean -1 / 6,
    # variance ((7/6)^2 + 2 (5/6)^2 + 3 (1/6)^2) / 5
    batch = table(THREE, num_tokens=[1, 1, 1, 3])
    deviation = sqrt(((7 / 6) ** 2 + 2 * (5 / 6) ** 2 + 3 * (1 / 6) ** 2) / 5)
    advantage = credit.reinforce_pp_baseline(batch, epsilon=0.0).advantage
    expected = [7 / 6 / deviation, -5 / 6 / deviation, -5 / 6 / deviation, 1 / 6 / deviation]
    np.testing.assert_allclose(advantage, expected, **EXACT)


def test_whitening_needs_tokens() -> None:
    with pytest.raises(TableError, match="reinforce_pp needs column 'num_tokens'"):
        credit.reinforce_pp(table(THREE))
    with pytest.raises(TableError, match="num_tokens is 0 for every turn"):
        credit.reinforce_pp_baseline(table(THREE, num_tokens=[0, 0, 0, 0]))


def test_broadcast_gives_the_outcome_to_all_turns() -> None:
    # outcomes: last rewards 3, 0 (not the returns 4, 5): mean 1.5, deviation sqrt(2 * 2.25) = 1.5 sqrt 2
    batch = table([[1.0, 3.0], [5.0, 0.0]])
    side = 1.5 / (1.5 * sqrt(2))
    np.testing.assert_allclose(
        credit.broadcast(batch, epsilon=0.0).advantage, [side, side, -side, -side], **EXACT
    )
    by_return = credit.broadcast(batch, outcome="return", mode="mean").advantage
    np.testing.assert_allclose(by_return, [-0.5, -0.5, 0.5, 0.5], **EXACT)
    won = table([[1.0, 3.0], [5.0, 0.0]], success=[False, False, True, True])
    by_success = credit.broadcast(won, outcome="success", mode="mean").advantage
    np.testing.assert_allclose(by_success, [-0.5, -0.5, 0.5, 0.5], **EXACT)


def test_broadcast_over_trajectories_and_over_turns_as_released() -> None:
    # outcomes 1, 0, 0 in 3, 1 and 1 turns. Trajectories: mean 1 / 3, deviation sqrt((4 + 1 + 1) / 9 / 2)
    batch = table([[0.0, 0.0, 1.0], [0.0], [0.0]])
    by_text = credit.broadcast(batch, epsilon=0.0).advantage
    np.testing.assert_allclose(by_text, [2 / 3 * sqrt(3)] * 3 + [-1 / 3 * sqrt(3)] * 2, **EXACT)
    # rows: mean 3 / 5, deviation sqrt((3 * 0.16 + 2 * 0.36) / 4)
    released = credit.broadcast(batch, statistics="turns", epsilon=0.0).advantage
    np.testing.assert_allclose(released, [0.4 / sqrt(0.3)] * 3 + [-0.6 / sqrt(0.3)] * 2, **EXACT)


def test_broadcast_over_turns() -> None:
    # rows 3, 0, 0: mean 1; a group of one single turn keeps its outcome
    batch = table([[3.0], [0.0, 0.0]])
    np.testing.assert_allclose(
        credit.broadcast(batch, statistics="turns", mode="mean").advantage, [2, -1, -1], **EXACT
    )
    single = table([[3.0]])
    assert credit.broadcast(single).advantage.tolist() == [0.0]
    np.testing.assert_allclose(credit.broadcast(single, statistics="turns", epsilon=1.0).advantage, [3 / 2])
    np.testing.assert_allclose(credit.broadcast(single, statistics="turns", mode="mean").advantage, [3.0])


# SALT: advantages (+1, 0, -1). T1 S-a-X-b-Win, T2 S-a-X-c-Y-d-End, T3 S-a-X-c-Z-e-End.
def salt_table(**changed: Any) -> TurnTable:
    columns: dict[str, Any] = {
        "state_key": ["S", "X", "S", "X", "Y", "S", "X", "Z"],
        "action": ["a", "b", "a", "c", "d", "a", "c", "e"],
        "next_state_key": ["X", "Win", "X", "Y", "End", "X", "Z", "End"],
    }
    return table([[0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]], **{**columns, **changed})


def test_salt_merges_what_is_shared() -> None:
    advantage = credit.salt(salt_table(), epsilon=0.0).advantage
    np.testing.assert_allclose(advantage, [0, 1, 0, 0, 0, 0, -1, -1], **EXACT)


def test_salt_on_leave_one_out() -> None:
    # advantages 1 - (-0.5) = 1.5, 0 - 0 = 0, -1.5
    advantage = credit.salt(salt_table(), base="rloo").advantage
    np.testing.assert_allclose(advantage, [0, 1.5, 0, 0, 0, 0, -1.5, -1.5], **EXACT)


def test_salt_with_history_keeps_apart_what_came_another_way() -> None:
    # T1 and T2 both do X-c-Y, T1 after S-a, T2 after S-b: merged without history, apart with it
    columns = {
        "state_key": ["S", "X", "S", "X"],
        "action": ["a", "c", "b", "c"],
        "next_state_key": ["X", "Y", "X", "Y"],
    }
    batch = table([[0.0, 1.0], [0.0, -1.0]], **columns)
    side = 1 / sqrt(2)  # mean 0, deviation sqrt(2)
    np.testing.assert_allclose(credit.salt(batch, epsilon=0.0).advantage, [side, 0, -side, 0], **EXACT)
    apart = credit.salt(batch, history=1, epsilon=0.0).advantage
    np.testing.assert_allclose(apart, [side, side, -side, -side], **EXACT)


def test_salt_averages_over_occurrences_or_trajectories() -> None:
    # T1 takes the edge twice, T2 once, T3 another. Returns 3, 0, 0: advantages 2, -1, -1 over sqrt(3)
    columns = {"state_key": ["S"] * 3 + ["Z"], "action": ["a"] * 4, "next_state_key": ["S"] * 4}
    batch = table([[0.0, 3.0], [0.0], [0.0]], **columns)
    unit = 1 / sqrt(3)
    by_turn = credit.salt(batch, epsilon=0.0).advantage
    np.testing.assert_allclose(by_turn, [(2 + 2 - 1) / 3 * unit] * 3 + [-unit], **EXACT)
    by_path = credit.salt(batch, average="trajectories", epsilon=0.0).advantage
    np.testing.assert_allclose(by_path, [(2 - 1) / 2 * unit] * 3 + [-unit], **EXACT)


def test_salt_can_fold_actions_and_charges_invalid_turns() -> None:
    columns = {"state_key": ["S", "S"], "action": ["Go  Home", "go home"], "next_state_key": ["X", "X"]}
    batch = table([[1.0], [-1.0]], **columns)
    side = 1 / sqrt(2)
    np.testing.assert_allclose(credit.salt(batch, epsilon=0.0).advantage, [side, -side], **EXACT)
    folded = credit.salt(batch, actions="folded", epsilon=0.0)
    np.testing.assert_allclose(folded.advantage, [0, 0], **EXACT)
    assert folded.parts["edge_size"].tolist() == [2, 2]
    charged = table([[1.0], [-1.0]], **columns, valid=[False, True])
    np.testing.assert_allclose(
        credit.salt(charged, epsilon=0.0, invalid_penalty=0.25).advantage, [side - 0.25, -side], **EXACT
    )
