"""Estimators with critics, tokens, players and graphs, by hand: numbers stand as their arithmetic."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

import turnwise.credit as credit
from turnwise.credit import TurnTable
from turnwise.errors import TableError

EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}


def table(rewards: list[list[float]], **columns: Any) -> TurnTable:
    flat = [(path, reward) for path, own in enumerate(rewards) for reward in own]
    return TurnTable.from_columns(
        group=["g"] * len(flat),
        trajectory=[path for path, _ in flat],
        reward=[reward for _, reward in flat],
        **columns,
    )


def flat(tokens: list[Any] | None) -> Any:
    assert tokens is not None
    return np.concatenate(tokens)


# Turn-level PPO: V = 1, 2; rewards 0, 4; gamma 1/2, lambda 1/2.
def test_turn_ppo_of_a_finished_trajectory() -> None:
    # deltas: 0 + 2 / 2 - 1 = 0 and 4 + 0 - 2 = 2; advantages 0 + 2 / 4 and 2
    result = credit.turn_ppo(table([[0.0, 4.0]], value=[1.0, 2.0]), gamma=0.5, lam=0.5)
    np.testing.assert_allclose(result.parts["delta"], [0, 2], **EXACT)
    np.testing.assert_allclose(result.advantage, [0.5, 2], **EXACT)
    assert result.targets is not None
    np.testing.assert_allclose(result.targets["value"], [1.5, 4], **EXACT)


def test_turn_ppo_goes_on_beyond_a_cut() -> None:
    cut = table([[0.0, 4.0]], value=[1.0, 2.0], next_value=[2.0, 6.0], end=["horizon"] * 2)
    # last delta 4 + 6 / 2 - 2 = 5; first 0 + 5 / 4
    np.testing.assert_allclose(credit.turn_ppo(cut, gamma=0.5, lam=0.5).advantage, [1.25, 5], **EXACT)
    stopped = credit.turn_ppo(cut, gamma=0.5, lam=0.5, bootstrap_truncated=False)
    np.testing.assert_allclose(stopped.advantage, [0.5, 2], **EXACT)
    with pytest.raises(TableError, match="turn_ppo with bootstrap_truncated needs column 'next_value'"):
        credit.turn_ppo(table([[0.0]], value=[1.0], end=["tokens"]))


def test_turn_ppo_keeps_trajectories_apart_and_charges_invalid_turns() -> None:
    batch = table([[1.0], [2.0, 0.0]], value=[3.0, 0.0, 1.0], valid=[True, False, True])
    # 1 - 3; then 2 - 1 + 1 - 0 = 2 and 0 - 1 = -1, 2 + (-1)
    result = credit.turn_ppo(batch, gamma=1.0, lam=1.0, invalid_penalty=1.0)
    np.testing.assert_allclose(result.advantage, [-2, 1, -1], **EXACT)


def test_archer() -> None:
    critics = {"q1": [2.0, 5.0], "q2": [3.0, 4.0], "v1": [1.0, 6.0], "v2": [1.5, 7.0]}
    result = credit.archer(table([[1.0, 2.0]], **critics), gamma=0.5)
    np.testing.assert_allclose(result.advantage, [2 - 1, 4 - 6], **EXACT)
    assert result.targets is not None
    np.testing.assert_allclose(result.targets["q1"], [1 + 6 / 2, 2], **EXACT)
    np.testing.assert_allclose(result.targets["q2"], [1 + 7 / 2, 2], **EXACT)
    np.testing.assert_allclose(result.targets["v1"], [2, 5], **EXACT)


def test_archer_regresses_on_the_slow_critics_and_beyond_a_cut() -> None:
    critics: dict[str, Any] = {name: [0.0, 0.0] for name in ("q1", "q2", "v1", "v2")}
    slow: dict[str, Any] = {"target_v1": [9.0, 8.0], "target_q2": [3.0, 1.0], "next_v1": [0.0, 4.0]}
    cut = credit.archer(table([[1.0, 2.0]], **critics, **slow, end=["horizon"] * 2), gamma=0.5)
    assert cut.targets is not None
    np.testing.assert_allclose(cut.targets["q1"], [1 + 8 / 2, 2 + 4 / 2], **EXACT)
    np.testing.assert_allclose(cut.targets["v2"], [3, 1], **EXACT)
    done = credit.archer(table([[1.0, 2.0]], **critics, **slow), gamma=0.5)
    assert done.targets is not None
    np.testing.assert_allclose(done.targets["q1"], [1 + 8 / 2, 2], **EXACT)


# POAD and bi-level GAE: turns of 2 and 1 tokens, V = 1, 2 | 4; rewards 1, 3.
TOKENS: dict[str, Any] = {"num_tokens": [2, 1], "token_values": [[1.0, 2.0], [4.0]]}


def test_poad() -> None:
    # gamma 1/2, lambda 1/4. Last token: 3 - 4 = -1. Second: 1 + 4 / 2 - 2 = 1, and 1/2 * 1/4 * (-1).
    # First: (2 - 1) + 1 / 4 * 0.875: no discount inside the action
    result = credit.poad(table([[1.0, 3.0]], **TOKENS), gamma=0.5, lam=0.25)
    np.testing.assert_allclose(flat(result.tokens), [1.21875, 0.875, -1], **EXACT)
    np.testing.assert_allclose(result.advantage, [(1.21875 + 0.875) / 2, -1], **EXACT)
    assert result.targets is not None
    np.testing.assert_allclose(flat(result.targets["value"]), [2.21875, 2.875, 3], **EXACT)


def test_poad_of_single_tokens_is_gae_over_turns() -> None:
    four = table([[0.0, 0.0, 0.0, 1.0]], num_tokens=[1] * 4, token_values=[[0.0]] * 4)
    step = 0.99 * 0.95
    np.testing.assert_allclose(credit.poad(four).advantage, [step**3, step**2, step, 1], **EXACT)
    values = [0.5, -1.0, 2.0, 0.25]
    by_turn = credit.turn_ppo(table([[1.0, 0.0], [2.0, 3.0]], value=values))
    tokens: dict[str, Any] = {"num_tokens": [1] * 4, "token_values": [[value] for value in values]}
    by_token = credit.poad(table([[1.0, 0.0], [2.0, 3.0]], **tokens))
    np.testing.assert_allclose(by_token.advantage, by_turn.advantage, **EXACT)


@pytest.mark.parametrize("method", [credit.poad, credit.td0])
def test_poad_and_td0_keep_trajectories_apart(method: Any) -> None:
    result = method(table([[1.0], [3.0]], **TOKENS), gamma=0.5, lam=0.25)
    # the second token ends a trajectory: 1 - 2 = -1; first: 1 + 1 / 4 * (-1)
    np.testing.assert_allclose(flat(result.tokens), [0.75, -1, -1], **EXACT)


def test_poad_and_td0_charge_the_last_token_of_an_invalid_turn() -> None:
    batch = table([[1.0, 3.0]], **TOKENS, valid=[False, True])
    # second token 1 - 2 + 2 - 2 = -1, and 1/8 of what follows under poad; first 1 and a quarter of it
    traced = credit.poad(batch, gamma=0.5, lam=0.25, invalid_penalty=2.0)
    np.testing.assert_allclose(flat(traced.tokens), [1 - 1.125 / 4, -1.125, -1], **EXACT)
    single = credit.td0(batch, gamma=0.5, lam=0.25, invalid_penalty=2.0)
    np.testing.assert_allclose(flat(single.tokens), [0.75, -1, -1], **EXACT)


def test_td0_looks_one_action_ahead() -> None:
    # as under poad, but the second token is 1 + 4 / 2 - 2 = 1 alone; first (2 - 1) + 1 / 4 * 1
    result = credit.td0(table([[1.0, 3.0]], **TOKENS), gamma=0.5, lam=0.25)
    np.testing.assert_allclose(flat(result.tokens), [1.25, 1, -1], **EXACT)
    np.testing.assert_allclose(result.advantage, [(1.25 + 1) / 2, -1], **EXACT)
    assert result.targets is not None
    np.testing.assert_allclose(flat(result.targets["value"]), [2.25, 3, 3], **EXACT)


def test_bilevel_gae_counts_turns_without_reward() -> None:
    # high gamma 1/2, lambda 1, gamma 1; rewards 0, 3; ends at V = 2 and 4.
    # turn 2: 3 - 4 = -1; turn 1: 0 + 4 / 2 - 2 + 1 / 2 * (-1) = -1/2; updated rewards 3 and 3/2
    # tokens: turn 1 second: 3/2 - 2 = -1/2, first: 0 + 2 - 1 + (-1/2) = 1/2; turn 2: 3 - 4 = -1
    result = credit.get("bilevel_gae")(table([[0.0, 3.0]], **TOKENS), high_level_gamma=0.5)
    np.testing.assert_allclose(flat(result.tokens), [0.5, -0.5, -1], **EXACT)
    assert result.targets is not None
    np.testing.assert_allclose(flat(result.targets["value"]), [1.5, 1.5, 3], **EXACT)


def test_bilevel_gae_of_arrays_takes_the_ends_of_turns() -> None:
    rewards, values, mask = [[0.0, 0.0, 3.0]], [[1.0, 2.0, 4.0]], [[1, 1, 1]]
    told, _ = credit.bilevel_gae(rewards, values, mask, high_level_gamma=0.5, turn_end=[[0, 1, 1]])
    np.testing.assert_allclose(told, [[0.5, -0.5, -1]], **EXACT)
    # as published: the turn without reward is no turn; updated reward 3; -1, then 4 - 2 - 1, 2 - 1 + 1
    skipped, _ = credit.bilevel_gae(rewards, values, mask, high_level_gamma=0.5)
    np.testing.assert_allclose(skipped, [[2, 1, -1]], **EXACT)
    decayed, _ = credit.bilevel_gae(
        rewards, values, mask, gamma=0.5, lam=0.5, high_level_gamma=0.5, turn_end=[[0, 1, 1]]
    )
    # turn 2: -1; turn 1: 2 - 2 + 1 / 4 * (-1) = -1/4, updated 7/4;
    # second 7/4 - 2, first 2 / 2 - 1 - 1/4 * 1/4
    np.testing.assert_allclose(decayed, [[-1 / 16, -1 / 4, -1]], **EXACT)


def test_token_columns_are_checked() -> None:
    with pytest.raises(
        TableError, match=r"token_values of trajectory 0, turn 1 \(row 1\) has 2 numbers for 1"
    ):
        credit.poad(table([[1.0, 3.0]], num_tokens=[2, 1], token_values=[[1.0, 2.0], [4.0, 4.0]]))
    with pytest.raises(TableError, match=r"turn 0 .* has num_tokens 0"):
        credit.poad(table([[1.0]], num_tokens=[0], token_values=[[]]))
    with pytest.raises(TableError, match=r"turn 0 .* holds nan"):
        credit.poad(table([[1.0]], num_tokens=[1], token_values=[[float("nan")]]))
    with pytest.raises(TableError, match="expected one number a token"):
        credit.poad(table([[1.0]], num_tokens=[1], token_values=["text"]))
    with pytest.raises(TableError, match="a turn of trajectory 0 ends at token 1, which mask leaves out"):
        credit.bilevel_gae([[0.0, 1.0]], [[0.0, 0.0]], [[1, 0]])
    with pytest.raises(TableError, match="one shape"):
        credit.bilevel_gae([[0.0, 1.0]], [[0.0]], [[1, 0]])
    with pytest.raises(TableError, match="finite"):
        credit.bilevel_gae([[0.0, float("inf")]], [[0.0, 0.0]], [[1, 1]])


# IGPO: p = 0.2, 0.5 then F1 1; and p = 0.4 then F1 0.
IGPO: dict[str, Any] = {"gold_prob": [0.2, 0.5, 0.4], "num_tokens": [1, 2, 2]}


def test_igpo_released() -> None:
    # turn rewards 0.3, 1 and 0; to go 1.3, 1 and 0.
    # Places: 0: 1.3 and 0, mean 0.65; 1: 1 and 0, mean 0.5; 2: 1, the other has ended: mean 0.5
    result = credit.igpo(table([[0.0, 1.0], [0.0]], **IGPO))
    np.testing.assert_allclose(result.parts["turn_reward"], [0.3, 1, 0], **EXACT)
    np.testing.assert_allclose(flat(result.tokens), [0.65, 0.5, 0.5, -0.65, -0.5], **EXACT)
    np.testing.assert_allclose(result.advantage, [0.65, 0.5, -0.575], **EXACT)


def test_igpo_released_has_no_trajectory_for_its_own_baseline() -> None:
    # four trajectories of 1, 1, 2 and 3 turns, the longest alone is right: 1 - 1/4 all along
    batch = table([[0.0], [0.0], [0.0, 0.0], [0.0, 0.0, 1.0]], gold_prob=[0.5] * 7, num_tokens=[1] * 7)
    result = credit.igpo(batch)
    np.testing.assert_allclose(result.advantage, [-0.25, -0.25, -0.25, -0.25, 0.75, 0.75, 0.75], **EXACT)


def test_igpo_paper() -> None:
    # rewards 0.3, 1, 0: mean 1.3 / 3, population deviation; then z_1 + z_2 / 2, z_2 | z_3
    mean = 1.3 / 3
    deviation = sqrt(((0.3 - mean) ** 2 + (1 - mean) ** 2 + mean**2) / 3)
    z = [(0.3 - mean) / deviation, (1 - mean) / deviation, -mean / deviation]
    result = credit.igpo(table([[0.0, 1.0], [0.0]], **IGPO), variant="paper", gamma=0.5, epsilon=0.0)
    np.testing.assert_allclose(result.advantage, [z[0] + z[1] / 2, z[1], z[2]], **EXACT)


def test_igpo_takes_the_answer_for_the_last_turn_only() -> None:
    batch = table([[9.0, 1.0]], column_of_mine=[0.25, 0.75], num_tokens=[1, 1])
    result = credit.igpo(batch, variant="paper", column="column_of_mine", epsilon=0.0)
    assert result.parts["turn_reward"].tolist() == [0.5, 1.0]
    # mean 0.75, deviation 0.25: z = -1, 1; sums 0, 1
    np.testing.assert_allclose(result.advantage, [0, 1], **EXACT)


# MARS: players x and y take turns; rewards x 1, 3; y 0, 4.
def mars_table(**columns: Any) -> TurnTable:
    return table([[1.0, 0.0, 3.0, 4.0]], agent=["x", "y", "x", "y"], **columns)


def test_mars() -> None:
    # centred: x -1, 1 (mean 2); y -2, 2 (mean 2). To go, own turns only: x 0, 1; y 0, 2.
    result = credit.mars(mars_table(), epsilon=0.0)
    np.testing.assert_allclose(result.parts["centred_reward"], [-1, -2, 1, 2], **EXACT)
    np.testing.assert_allclose(result.parts["return_to_go"], [0, 0, 1, 2], **EXACT)
    # less means of distinct values: x 0.5, y 1: -0.5, -1, 0.5, 1; mean 0, variance 2.5 / 3
    np.testing.assert_allclose(result.parts["centred_return"], [-0.5, -1, 0.5, 1], **EXACT)
    np.testing.assert_allclose(result.advantage, np.array([-0.5, -1, 0.5, 1]) / sqrt(2.5 / 3), **EXACT)


def test_mars_whitens_over_tokens() -> None:
    # tokens 1, 1, 2, 1: values -0.5, -1, 0.5, 0.5, 1: mean 0.1, sum of squares 2.75 - 5 * 0.01 = 2.7
    result = credit.mars(mars_table(num_tokens=[1, 1, 2, 1]), epsilon=0.0)
    np.testing.assert_allclose(result.advantage, np.array([-0.6, -1.1, 0.4, 0.9]) / sqrt(2.7 / 4), **EXACT)


def test_mars_counts_equal_values_once_and_can_stay_in_the_group() -> None:
    # one player, rewards 0, 0 | 3: centred -1, -1 | 2; to go -2, -1 | 2; distinct mean -1 / 3
    batch = table([[0.0, 0.0], [3.0]], agent=["x"] * 3)
    result = credit.mars(batch)
    np.testing.assert_allclose(result.parts["centred_return"], [-2 + 1 / 3, -1 + 1 / 3, 2 + 1 / 3], **EXACT)
    # four single turns with rewards 0, 0, 0, 4: centred -1, -1, -1, 3; distinct -1 and 3, mean 1
    once = credit.mars(table([[0.0], [0.0], [0.0], [4.0]], agent=["x"] * 4))
    np.testing.assert_allclose(once.parts["centred_return"], [-2, -2, -2, 2], **EXACT)
    two = TurnTable.from_columns(group=["g", "h"], trajectory=[0, 0], reward=[1.0, 5.0], agent=["x", "x"])
    assert credit.mars(two, scope="group").advantage.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(credit.mars(two).parts["centred_reward"], [-2, 2], **EXACT)


def test_mars_counts_the_zero_of_padding_as_the_published_code_does() -> None:
    # single turns with rewards 0, 0, 0, 4: centred -1, -1, -1, 3; distinct -1, 3 and 0, mean 2 / 3
    once = table([[0.0], [0.0], [0.0], [4.0]], agent=["x"] * 4)
    found = credit.mars(once, padding=True).parts["centred_return"]
    np.testing.assert_allclose(found, [-5 / 3, -5 / 3, -5 / 3, 7 / 3], **EXACT)
    # rewards 1, 2, 3: centred -1, 0, 1: the 0 is there already
    there = table([[1.0], [2.0], [3.0]], agent=["x"] * 3)
    np.testing.assert_allclose(credit.mars(there, padding=True).parts["centred_return"], [-1, 0, 1], **EXACT)


def test_mars_tells_players_of_different_environments_apart() -> None:
    batch = table([[0.0], [2.0], [10.0], [30.0]], agent=["x"] * 4, env_id=["a", "a", "b", "b"])
    np.testing.assert_allclose(credit.mars(batch).parts["centred_reward"], [-1, 1, -10, 10], **EXACT)


def test_mars_of_two_tokens_and_igpo_without_a_difference() -> None:
    # rewards 1 and 5 of one player: centred -2 and 2, variance 8 / 1
    two = credit.mars(table([[1.0], [5.0]], agent=["x", "x"]), epsilon=0.0)
    np.testing.assert_allclose(two.advantage, [-2 / sqrt(8), 2 / sqrt(8)], **EXACT)
    same = credit.igpo(table([[1.0], [1.0]], gold_prob=[0.5, 0.5]), variant="paper", epsilon=0.0)
    assert same.advantage.tolist() == [0.0, 0.0]


# GraphGPO and G2PO beside their golden values: penalties, and what counts as solved.
def test_graphgpo_charges_invalid_turns_and_takes_any_return_for_solved() -> None:
    # T1 S-X-goal (return 0.5), T2 S-Y: d(X) = 1, d(S) = 2, Y unreachable 3. Returns 10 * 0.5^(1, 0 | 3)
    columns: dict[str, Any] = {"state_key": ["S", "X", "S"], "next_state_key": ["X", "won", "Y"]}
    batch = table([[0.0, 0.5], [0.0]], **columns, valid=[True, True, False])
    result = credit.graphgpo(batch, mode="mean", gamma=0.5, episode_weight=0.0, invalid_penalty=0.25)
    np.testing.assert_allclose(result.parts["distance"], [2, 1, 2], **EXACT)
    np.testing.assert_allclose(result.parts["step_return"], [5, 10, 1.25], **EXACT)
    # S: 5 and 1.25 - 0.25: mean 3
    np.testing.assert_allclose(result.advantage, [2, 0, -2], **EXACT)
    told = table([[0.0, 0.5], [0.0]], **columns, success=[False, False, True])
    # now T2 ends in the goal: d(S) = 1, and X is as far as anything known plus 1
    np.testing.assert_allclose(credit.graphgpo(told).parts["next_distance"], [2, 2, 0], **EXACT)


def test_g2po_takes_the_return_of_a_solved_episode_for_the_value_beyond() -> None:
    batch = table([[0.0, 0.5], [0.0]], state_key=["S", "X", "S"])
    # V(X) = 0.5 / 2, V(S) = (0.5 / 4 + 0) / 2; beyond: 0.5 | 0
    result = credit.g2po(batch, gamma=0.5)
    np.testing.assert_allclose(result.parts["node_value"], [1 / 16, 1 / 4, 1 / 16], **EXACT)
    np.testing.assert_allclose(result.parts["next_value"], [1 / 4, 1 / 2, 0], **EXACT)
    fixed = credit.g2po(batch, gamma=0.5, success_reward=10.0)
    np.testing.assert_allclose(fixed.parts["next_value"], [1 / 4, 0, 0], **EXACT)
    by_success = credit.g2po(
        table([[0.0, 0.5], [0.0]], state_key=["S", "X", "S"], success=[0, 0, 0]), gamma=0.5
    )
    np.testing.assert_allclose(by_success.parts["next_value"], [1 / 4, 0, 0], **EXACT)


# HAE beside its golden values: subgoals that are kept but worded otherwise.
HAE: dict[str, Any] = {
    "switch": [True, False, False, True, False],
    "v_low": [0.0] * 5,
    "v_high": [0.0] * 5,
    "v_term": [0.0] * 5,
    "subgoal": ["find", "find", "take", "take", ""],
}


def test_hae_charges_a_kept_subgoal_that_is_worded_otherwise() -> None:
    batch = table([[0.0] * 3, [0.0] * 2], **HAE)
    result = credit.hae(batch, consistency_penalty=-0.5, normalize=False)
    # only the third turn keeps "find" but says "take"; the last says nothing
    np.testing.assert_allclose(result.parts["shaped_reward"], [0, 0, -0.5, 0, 0], **EXACT)
    after_keep = table([[0.0] * 3, [0.0] * 2], **{**HAE, "subgoal": ["find", "take", "take", "x", "y"]})
    result = credit.hae(after_keep, consistency_penalty=-0.5, normalize=False)
    np.testing.assert_allclose(result.parts["shaped_reward"], [0, -0.5, 0, 0, -0.5], **EXACT)
    nothing_before = table([[0.0] * 3, [0.0] * 2], **{**HAE, "subgoal": ["", "take", "", "", "y"]})
    result = credit.hae(nothing_before, consistency_penalty=-0.5, normalize=False)
    np.testing.assert_allclose(result.parts["shaped_reward"], [0] * 5, **EXACT)


def test_hae_begins_a_segment_with_every_trajectory() -> None:
    batch = table([[1.0], [2.0, 4.0]], switch=[False] * 3, v_low=[0.0] * 3, v_high=[0.0] * 3)
    result = credit.hae(batch, gamma=0.5, use_term=False, normalize=False)
    assert result.parts["boundary"].tolist() == [True, True, False]
    assert result.spans is not None
    np.testing.assert_allclose(result.spans["subgoal"], [1, 2 + 4 / 2, 0], **EXACT)
    np.testing.assert_allclose(result.spans["switch"], [0, 0, 0], **EXACT)
    assert result.targets is not None
    assert sorted(result.targets) == ["high", "low"]
    # a single turn pays no normalized penalty for keeping
    kept = credit.hae(
        batch, use_term=False, keep_penalty=-1.0, keep_penalty_mode="normalized", normalize=False
    )
    np.testing.assert_allclose(kept.parts["shaped_reward"], [1, 2 - 1 / 2, 4 - 1 / 2], **EXACT)


def test_bilevel_gae_names_the_first_end_that_was_not_sampled() -> None:
    with pytest.raises(TableError, match="a turn of trajectory 1 ends at token 2, which mask leaves out"):
        credit.bilevel_gae([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]], [[0.0] * 3] * 2, [[1, 0, 0], [1, 0, 0]])
