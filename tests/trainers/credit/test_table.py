"""The turn table: what it accepts, what it refuses and how it says so, and what it works out."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.credit import TurnTable, gigpo, grpo
from turnwise.errors import TableError, UnknownName
from turnwise.trainers.credit.table.columns import combine, factorise
from turnwise.trainers.credit.table.scan import recurrence

BASE: dict[str, Any] = {
    "group": ["g", "g", "g", "h"],
    "trajectory": ["a", "a", "b", "a"],
    "reward": [0.0, 1.0, 2.0, 4.0],
    "state_key": ["s", "t", "s", "s"],
}


def table(**changed: Any) -> TurnTable:
    return TurnTable.from_columns(**{**BASE, **changed})


def test_columns_become_codes() -> None:
    batch = table()
    assert len(batch) == 4
    assert (batch.num_groups, batch.num_trajectories) == (2, 3)
    assert batch.group.tolist() == [0, 0, 0, 1]
    assert batch.trajectory.tolist() == [0, 0, 1, 2]
    assert batch.turn.tolist() == [0, 1, 0, 0]
    assert list(batch.trajectory_names) == ["a", "b", "a"]  # a name may come again in another group
    assert batch.episode_return.tolist() == [1.0, 1.0, 2.0, 4.0]
    assert batch.is_last.tolist() == [False, True, True, True]
    assert batch.lengths.tolist() == [2, 1, 1]
    assert batch.anchors().tolist() == [0, 1, 0, 2]
    assert batch.returns(0.5).tolist() == [0.5, 1.0, 2.0, 4.0]
    assert batch.valid.all()
    assert batch.counts.all()


def test_arrays_are_read_only_and_copies() -> None:
    reward = np.array([0.0, 1.0, 2.0, 4.0])
    batch = table(reward=reward)
    with pytest.raises(ValueError, match="read-only"):
        batch.reward[0] = 3.0
    reward[0] = 9.0
    assert batch.reward[0] == 0.0


def test_numpy_columns_are_taken_as_they_are() -> None:
    arrays = {name: np.array(values) for name, values in BASE.items()}
    np.testing.assert_array_equal(gigpo(TurnTable.from_columns(**arrays)).advantage, gigpo(table()).advantage)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"reward": [0.0, 1.0, math.nan, 4.0]},
            r"reward of trajectory 'b', turn 0 \(row 2\) is nan; expected a finite",
        ),
        ({"reward": [0.0, math.inf, 2.0, 4.0]}, r"reward of trajectory 'a', turn 1 \(row 1\) is inf"),
        ({"reward": [0.0, "much", 2.0, 4.0]}, "column 'reward': expected one number a turn"),
        ({"reward": 3.0}, "column 'reward': float; expected a sequence"),
        ({"state_key": ["s"]}, "column 'state_key' has 1 values, column 'reward' has 4"),
        (
            {"state_key": ["s", None, "s", "s"]},
            r"state_key of trajectory 'a', turn 1 \(row 1\) is None; expected text",
        ),
        ({"state_key": ["s", ["t"], "s", "s"]}, "column 'state_key': unhashable"),
        ({"state_key": 5}, "column 'state_key': int; expected a sequence of 4 values"),
        ({"group": ["g", None, "g", "h"]}, "column 'group', row 1 is None"),
        ({"trajectory": ["a", "b", "a", "a"]}, "row 2 belongs to trajectory 'a', whose turns ended before"),
        ({"turn": [1, 0, 0, 0]}, r"trajectory 'a', turn 1 \(row 1\) is numbered 0 after 1"),
        ({"turn": [0, 2, 0, 0]}, "numbered 2 after 0: .* none missing and none twice"),
        (
            {"end": ["horizon", "tokens", "tokens", "tokens"]},
            r"end changes at trajectory 'a', turn 1 \(row 1\)",
        ),
        (
            {"episode_return": [1.0, 2.0, 2.0, 4.0]},
            r"episode_return changes at trajectory 'a', turn 1 \(row 1\)",
        ),
        ({"episode_return": [1.0, 1.0, math.nan, 4.0]}, "episode_return of trajectory 'b', turn 0"),
        ({"valid": [True, 2, True, True]}, "column 'valid', row 1: 2; expected True or False"),
        ({"num_tokens": [1, -1, 2, 2]}, "num_tokens of row 1 is -1.0; expected a count"),
    ],
)
def test_bad_columns_are_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(TableError, match=message):
        table(**changed)


def test_an_unknown_end_is_answered_with_the_closest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'terminated'"):
        table(end=["terminate"] * 4)


def test_a_missing_column_is_named_with_the_method() -> None:
    bare = TurnTable.from_columns(**{name: BASE[name] for name in ("group", "trajectory", "reward")})
    with pytest.raises(TableError, match=r"gigpo needs column 'state_key'; this table has: none"):
        gigpo(bare)
    with pytest.raises(TableError, match="there is no column 'mood'; this table has: state_key"):
        table().column("mood")
    with pytest.raises(TableError, match=r"v of trajectory 'b', turn 0 \(row 2\) is nan"):
        table(v=[0.0, 0.0, math.nan, 0.0]).numbers("v")


def test_valid_follows_from_its_causes() -> None:
    malformed, refused = [True, False, False, False], [False, True, False, False]
    assert table(malformed=malformed, inadmissible=refused).valid.tolist() == [False, False, True, True]
    told = table(malformed=malformed, inadmissible=refused, valid=[True] * 4)
    assert told.valid.all()
    scores = [
        gigpo(told, invalid_penalty=1.0, penalised=cause).parts["step_score"].tolist()
        for cause in ("malformed", "inadmissible", "invalid")
    ]
    returns = told.returns(0.95).tolist()
    assert scores[0] == [returns[0] - 1, *returns[1:]]
    assert scores[1] == [returns[0], returns[1] - 1, *returns[2:]]
    assert scores[2] == returns


def test_failures_of_the_machine_do_not_count() -> None:
    batch = table(end=["terminated", "terminated", "deadline", "error"])
    assert batch.counts.tolist() == [True, True, False, False]
    assert table(end=["horizon", "horizon", "tokens", "tokens"]).counts.all()
    result = gigpo(batch)
    assert result.advantage[2:].tolist() == [0.0, 0.0]
    assert result.parts["step_group"].tolist() == [0, 1, -1, -1]


def test_rewards_can_be_replaced() -> None:
    batch = table(episode_return=[5.0, 5.0, 2.0, 4.0])
    doubled = batch.with_rewards(batch.reward * 2)
    assert doubled.episode_return.tolist() == [2.0, 2.0, 4.0, 8.0]
    assert batch.episode_return.tolist() == [5.0, 5.0, 2.0, 4.0]
    kept = batch.with_rewards(batch.reward * 2, batch.episode_return)
    assert kept.episode_return.tolist() == [5.0, 5.0, 2.0, 4.0]
    with pytest.raises(TableError, match="trajectory 'a', turn 0"):
        batch.with_rewards(batch.reward * math.nan)


def test_other_columns_make_other_anchors() -> None:
    batch = table()
    assert batch.anchors().tolist() == [0, 1, 0, 2]
    assert batch.with_columns(state_key=["s", "s", "s", "s"]).anchors().tolist() == [0, 0, 0, 1]


def test_whole_trajectories_can_be_selected() -> None:
    batch = table().select(np.array([False, False, True, True]))
    assert list(batch.group_names) == ["g", "h"]
    assert list(batch.trajectory_names) == ["b", "a"]
    assert batch.anchors().tolist() == [0, 1]
    with pytest.raises(TableError, match="trajectory 'a' would be cut"):
        table().select(np.array([False, True, True, True]))


def test_ragged_columns_are_kept() -> None:
    batch = table(values=[[1.0], [1.0, 2.0], [], [3.0]])
    assert [values.tolist() for values in batch.column("values")] == [[1.0], [1.0, 2.0], [], [3.0]]
    same_lengths = table(values=[[1.0], [2.0], [3.0], [4.0]])
    assert [values.tolist() for values in same_lengths.column("values")] == [[1.0], [2.0], [3.0], [4.0]]


def turn(index: int, **fields: Any) -> Turn:
    given: dict[str, Any] = {
        "observation": "o",
        "state_key": f"s{index}",
        "action": "look",
        "reward": 1.0,
        "next_state_key": f"s{index + 1}",
        "generation": Generation("look", token_ids=(1, 2, 3)),
    }
    return Turn(index=index, **{**given, **fields})


def test_trajectories_become_a_table() -> None:
    trajectories = [
        Trajectory("e", "t", 0, "g", (turn(0, rewards={"style": 0.5}), turn(1)), "terminated", success=True),
        Trajectory("e", "t", 0, "g", (), "error"),
        Trajectory("e", "t", 0, "g", (turn(0, malformed=True),), "deadline"),
    ]
    batch = TurnTable.from_trajectories(trajectories, mood=[1.0, 2.0, 3.0])
    assert list(batch.trajectory_names) == [0, 2]  # places in the sequence
    assert batch.column("style").tolist() == [0.5, 0.0, 0.0]
    assert batch.column("num_tokens").tolist() == [3, 3, 3]
    assert batch.column("next_state_key").tolist() == ["s1", "s2", "s1"]
    assert batch.column("success").tolist() == [True, True, False]
    assert batch.numbers("mood").tolist() == [1.0, 2.0, 3.0]
    assert batch.valid.tolist() == [True, True, False]
    assert batch.counts.tolist() == [True, True, False]
    assert "switch" not in batch.columns
    clash = [Trajectory("e", "t", 0, "g", (turn(0, rewards={"reward": 0.5}),), "terminated")]
    with pytest.raises(TableError, match="reward tier 'reward' bears the name of a column"):
        TurnTable.from_trajectories(clash)


def test_plans_become_columns() -> None:
    planned = (
        turn(0, switch=True, subgoal="find mug"),
        turn(1, switch=False, subgoal="find mug"),
    )
    flat = Trajectory("e", "t", 0, "g", (turn(0),), "terminated")
    batch = TurnTable.from_trajectories([Trajectory("e", "t", 0, "g", planned, "terminated"), flat])
    assert batch.column("switch").tolist() == [True, False, False]
    assert batch.column("subgoal").tolist() == ["find mug", "find mug", ""]


def test_groups_may_alternate() -> None:
    apart = TurnTable.from_columns(
        group=["g", "h", "g", "h"], trajectory=[0, 0, 1, 1], reward=[1.0, 5.0, 3.0, 7.0]
    )
    side = 1 / (math.sqrt(2) + 1e-6)
    np.testing.assert_allclose(grpo(apart).advantage, [-side, -side, side, side])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200_000)), max_size=60))
def test_pairs_are_coded_by_first_appearance(pairs: list[tuple[int, int]]) -> None:
    first = np.array([pair[0] for pair in pairs], dtype=np.int64)
    second = np.array([pair[1] for pair in pairs], dtype=np.int64)
    expected, _ = factorise(pairs)
    assert combine(first, second).tolist() == expected.tolist()
    assert combine(second, first).tolist() == expected.tolist()


@given(st.integers(0, 10**6), st.sampled_from([1, 3, 40, 4000]))
def test_recurrence_is_that_of_the_definition(seed: int, longest: int) -> None:
    # short stretches are summed side by side, long ones in a loop: the same bits either way
    draw = random.Random(seed)
    values, decays = [], []
    while len(values) < 120:
        length = draw.randint(1, longest)
        values += [draw.uniform(-1, 1) for _ in range(length)]
        decays += [draw.choice([0.95, 0.5, 0.0]) for _ in range(length - 1)] + [0.0]
    expected, total = [], 0.0
    for value, decay in zip(reversed(values), reversed(decays), strict=True):
        total = value + decay * total
        expected.append(total)
    assert recurrence(np.array(values), np.array(decays)).tolist() == expected[::-1]
