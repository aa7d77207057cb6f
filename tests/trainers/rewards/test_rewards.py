"""Transforms of rewards, by hand: each expected number stands as its arithmetic."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

import numpy as np
import pytest

from turnwise.credit import TurnTable, gigpo, grpo
from turnwise.errors import TableError, UnknownName, UsageError
from turnwise.trainers import rewards

EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}


def table(**columns: Any) -> TurnTable:
    """Two trajectories of two turns; the second one submits something that fails its tests."""
    given: dict[str, Any] = {
        "group": ["g"] * 4,
        "trajectory": [0, 0, 1, 1],
        "reward": [0.0, 1.0, 0.0, 0.0],
        "style": [0.1, 0.2, 0.3, 0.4],
        "patch": [0.0, 1.0, 0.0, 2.0],
    }
    return TurnTable.from_columns(**{**given, **columns})


TIERS = [
    {"column": "style"},
    {"column": "patch", "threshold": 1.0, "weight": 0.5},
    {"column": "reward", "threshold": 0.0},
]


def test_gates_let_a_tier_through_when_all_above_are_passed() -> None:
    # T1: outcome 1 > 0, patch sum 1 not > 1: style shut; patch counts as the outcome is passed.
    # T2: outcome 0 not > 0: patch shut, style shut.
    result = rewards.gated(table(), tiers=TIERS)
    np.testing.assert_allclose(result.reward, [0, 0.5 * 1 + 1, 0, 0], **EXACT)
    np.testing.assert_allclose(result.episode_return, [1.5, 1.5, 0, 0], **EXACT)


def test_gates_are_passed_by_strictly_more() -> None:
    lower = [TIERS[0], {**TIERS[1], "threshold": 0.99}, TIERS[2]]
    result = rewards.gated(table(), tiers=lower)
    np.testing.assert_allclose(result.reward, [0.1, 0.2 + 0.5 + 1, 0, 0], **EXACT)


def test_a_gate_may_look_at_sum_maximum_or_last() -> None:
    def first_tier(value: str, threshold: float) -> list[float]:
        tiers = [
            {"column": "style"},
            {"column": "patch", "value": value, "threshold": threshold, "weight": 0.0},
        ]
        batch = table(patch=[2.0, 1.0, 1.0, 1.5])
        return [float(x) for x in rewards.gated(batch, tiers=tiers).reward]

    assert first_tier("sum", 2.75) == [0.1, 0.2, 0.0, 0.0]
    assert first_tier("max", 1.75) == [0.1, 0.2, 0.0, 0.0]
    assert first_tier("last", 1.25) == [0.0, 0.0, 0.3, 0.4]


def test_direct_accumulation_has_no_gates() -> None:
    result = rewards.get("direct")(table(), tiers=TIERS)
    np.testing.assert_allclose(result.reward, [0.1, 0.2 + 0.5 + 1, 0.3, 0.4 + 1], **EXACT)


def test_tiers_are_checked() -> None:
    with pytest.raises(UnknownName, match="field of tier 0 'treshold': did you mean 'threshold'"):
        rewards.gated(table(), tiers=[{"column": "style", "treshold": 1}])
    with pytest.raises(UsageError, match="expected a column"):
        rewards.gated(table(), tiers=[{"threshold": 1}])
    with pytest.raises(UsageError, match="tiers is empty"):
        rewards.direct(table(), tiers=[])
    with pytest.raises(UnknownName, match="field 'value' of tier 0 'mean'"):
        rewards.gated(table(), tiers=[{"column": "style", "value": "mean"}])
    with pytest.raises(TableError, match="a reward tier needs column 'mood'"):
        rewards.gated(table(), tiers=[{"column": "mood"}])
    with pytest.raises(UnknownName, match="reward transform 'gate': did you mean 'gated'"):
        rewards.get("gate")


def single(calls: list[float], outcome: list[float], **columns: Any) -> TurnTable:
    """One turn a trajectory, all in one group."""
    return TurnTable.from_columns(
        group=["g"] * len(calls),
        trajectory=list(range(len(calls))),
        reward=outcome,
        tool_calls=calls,
        **columns,
    )


def test_otc_in_a_group() -> None:
    # solved with 1, 2 and 4 calls, failed with 0: n = 1; f = 2 m n / (m + n)
    result = rewards.otc(single([1, 2, 4, 0], [1, 1, 2, 0]), alpha=0.5)
    expected = [
        0.5 * sin(pi / 2),
        0.5 * sin(2 * 2 / 3 * pi / 2),
        2 * 0.5 * sin(2 * 4 / 5 * pi / 2),
        0.0,
    ]
    np.testing.assert_allclose(result.reward, expected, **EXACT)


def test_otc_where_no_call_was_needed() -> None:
    # n = 0: 1 for m = 0, cos(m pi / (2 m + c)) else
    result = rewards.otc(single([0, 3], [1, 1]), smoothing=2.0)
    np.testing.assert_allclose(result.reward, [1.0, cos(3 * pi / 8)], **EXACT)


def test_otc_without_a_group_and_by_success() -> None:
    batch = single([2, 0], [1.0, -0.5], success=[True, False])
    result = rewards.otc(batch, form="ppo", smoothing=1.0)
    np.testing.assert_allclose(result.reward, [cos(2 * pi / 5), -0.5], **EXACT)
    turned = rewards.otc(single([2, 0], [1.0, 1.0], success=[False, True]), form="ppo")
    np.testing.assert_allclose(turned.reward, [1.0, 1.0], **EXACT)


def test_otc_adds_up_the_calls_of_a_trajectory_and_checks_its_settings() -> None:
    batch = TurnTable.from_columns(
        group=["g", "g"], trajectory=[0, 0], reward=[0.0, 1.0], tool_calls=[1, 2], end=["terminated"] * 2
    )
    result = rewards.otc(batch, form="ppo", smoothing=1.0)
    np.testing.assert_allclose(result.episode_return, [cos(3 * pi / 7)] * 2, **EXACT)
    with pytest.raises(UsageError, match="smoothing=0; expected a number above 0"):
        rewards.otc(batch, smoothing=0)
    with pytest.raises(TableError, match="otc needs column 'used'"):
        rewards.otc(batch, calls="used")


def test_otc_takes_no_example_from_a_failure_of_the_machine() -> None:
    batch = single([1, 2], [1, 1], end=["error", "terminated"])
    np.testing.assert_allclose(rewards.otc(batch).reward, [1, 1], **EXACT)  # n = 2, not 1


def test_the_outcome_gate_waives_penalties_in_groups_that_failed() -> None:
    lost = table(reward=[0.0] * 4, valid=[True, False, True, True], state_key=list("abcd"))
    assert np.any(gigpo(lost, invalid_penalty=0.1).advantage != 0)
    assert np.all(gigpo(rewards.outcome_gate(lost), invalid_penalty=0.1).advantage == 0)
    won = table(valid=[True, False, False, True], malformed=[False, True, True, False])
    assert rewards.outcome_gate(won).valid.tolist() == [True, False, False, True]
    own = rewards.outcome_gate(won, scope="trajectory")
    assert own.valid.tolist() == [True, False, True, True]
    assert own.column("malformed").tolist() == [False, True, False, False]
    assert rewards.outcome_gate(won, threshold=1.0).valid.all()


def test_a_success_of_the_machine_that_failed_opens_no_gate() -> None:
    batch = table(valid=[True, False, True, False], end=["error", "error", "horizon", "horizon"])
    assert rewards.outcome_gate(batch).valid.all()


def test_a_value_at_its_threshold_leaves_the_gate_shut_or_open() -> None:
    batch = TurnTable.from_columns(
        group=["g"] * 3, trajectory=[0, 1, 2], reward=[-0.5, -0.4, -0.6], lint=[1.0, 1.0, 1.0]
    )
    tiers = [{"column": "lint"}, {"column": "reward", "threshold": -0.5}]
    gated = rewards.get("gated")
    np.testing.assert_allclose(gated(batch, tiers=tiers).reward, [-0.5, 0.6, -0.6], **EXACT)
    opened = gated(batch, tiers=tiers, at_threshold="open")
    np.testing.assert_allclose(opened.reward, [0.5, 0.6, -0.6], **EXACT)
    with pytest.raises(UnknownName, match="at_threshold"):
        gated(batch, tiers=tiers, at_threshold="ajar")


def test_format_and_length_terms() -> None:
    batch = table(malformed=[False, True, False, False], num_tokens=[10, 80, 90, 200])
    formed = rewards.get("format")(batch, bonus=0.25, cost=0.5)
    np.testing.assert_allclose(formed.reward, [0.25, 1 - 0.5, 0.25, 0.25], **EXACT)
    np.testing.assert_allclose(formed.episode_return, [0.75, 0.75, 0.5, 0.5], **EXACT)
    # nothing up to 100 - 20 = 80, then (tokens - 80) / 20, at most 1
    long = rewards.get("length")(batch, limit_tokens=100, buffer_tokens=20, weight=2.0)
    np.testing.assert_allclose(long.reward, [0, 1, -2 * 0.5, -2], **EXACT)
    with pytest.raises(UsageError, match="expected 0 < buffer_tokens <= limit_tokens"):
        rewards.length_term(batch, limit_tokens=10, buffer_tokens=20)


def test_a_transform_of_ones_own() -> None:
    @rewards.register("doubled")
    def doubled(table: TurnTable, *, factor: float = 2.0) -> TurnTable:
        """Scale every reward."""
        return table.with_rewards(table.reward * factor)

    assert rewards.get("doubled")(table()).reward.tolist() == [0.0, 2.0, 0.0, 0.0]
    np.testing.assert_allclose(grpo(doubled(table())).advantage, grpo(table()).advantage, atol=1e-5)
    bad = rewards.register("nothing")(lambda table: None)
    with pytest.raises(TableError, match="nothing returned NoneType; expected a TurnTable"):
        bad(table())


def test_the_gate_of_a_game_is_opened_by_the_agent_that_won() -> None:
    game = TurnTable.from_columns(
        group=["g"] * 2, trajectory=[0, 0], reward=[1.0, -1.0], agent=["A", "B"], valid=[False, True]
    )
    assert rewards.get("outcome_gate")(game).valid.tolist() == [False, True]
    lost = TurnTable.from_columns(group=["g"] * 2, trajectory=[0, 0], reward=[-1.0, 0.0], valid=[False, True])
    assert rewards.get("outcome_gate")(lost).valid.tolist() == [True, True]
