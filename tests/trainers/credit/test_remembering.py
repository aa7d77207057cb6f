"""Estimators with a state: what they remember, and what they give then.

1. A state goes in and out as a plain value, is copied, and begins anew where none is given.
2. single_stream by hand: values, whitening, fading by drift, several episodes of a task.
3. dcpo equals its authors' function over four steps of five tasks, and by hand.
4. risk_po_tracked by hand: its quantiles move by the share of scores below them.
5. What is kept of tasks is bounded, and tasks are told apart by environment and seed.
"""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import turnwise.credit as credit
from turnwise.credit import Credit, TurnTable
from turnwise.errors import TableError, UsageError
from turnwise.trainers.credit.table.tasks import TaskNumbers, tasks_of
from turnwise.trainers.parts import Part

GOLDEN = json.loads((Path(__file__).resolve().parents[2] / "golden" / "dcpo.json").read_text())
EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}


def episodes(tasks: list[int], outcomes: list[float], **columns: Any) -> TurnTable:
    """Return a table of one episode of two turns for each outcome; a task's episodes are a group."""
    twice = [place for place in range(len(tasks)) for _ in range(2)]
    return TurnTable.from_columns(
        group=[f"g{tasks[place]}" for place in twice],
        trajectory=twice,
        reward=[outcomes[row // 2] * (row % 2) for row in range(2 * len(tasks))],
        task_seed=[tasks[place] for place in twice],
        **{name: [values[place] for place in twice] for name, values in columns.items()},
    )


def known(state: dict[str, Any]) -> dict[str, list[float]]:
    """Return the numbers of each task that a state holds."""
    num = len(state["values"]) // max(1, len(state["tasks"]))
    rows = [state["values"][place : place + num] for place in range(0, len(state["values"]), num or 1)]
    return dict(zip(state["tasks"], rows, strict=True))


def knowing(tasks: dict[str, list[float]]) -> dict[str, Any]:
    """Return the state that holds these numbers of tasks."""
    return {"tasks": list(tasks), "values": [value for row in tasks.values() for value in row]}


def test_a_state_is_a_plain_value_that_nobody_else_holds() -> None:
    @credit.register("test_counting", state={"batches": 0, "sizes": []})
    def counting(table: TurnTable, state: dict[str, Any], *, add: int = 1) -> tuple[Credit, Any]:
        state["batches"] += add
        return Credit(table.reward.copy()), {**state, "sizes": (*state["sizes"], np.int64(len(table)))}

    table = episodes([1, 2], [1.0, 0.0])
    bound = credit.bind(Part("test_counting", {"add": 2}))
    first, one = bound.step(table)
    assert one == {"batches": 2, "sizes": [4]}
    _, two = bound.step(table, one)
    assert two == {"batches": 4, "sizes": [4, 4]}
    assert one == {"batches": 2, "sizes": [4]}
    assert counting.state == {"batches": 0, "sizes": []}
    np.testing.assert_array_equal(bound(table).advantage, first.advantage)
    assert credit.grpo.step(table)[1] is None


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda given: given, "returned Credit; expected a pair"),
        (
            lambda given: (given, {"x": {1, 2}}),
            r"mine remembers a set, \{1, 2\}; expected what JSON can hold",
        ),
        (lambda given: (given, {1: 2}), "mine remembers a dict"),
        (lambda given: (1, {}), "returned no Credit"),
    ],
)
def test_what_is_no_state_is_refused(returned: Any, message: str) -> None:
    estimator = credit.Estimator(
        "credit estimator", "mine", lambda table, state: returned(Credit(table.reward.copy())), {}, state={}
    )
    with pytest.raises(TableError, match=message):
        estimator.step(episodes([1], [1.0]))


def test_single_stream_by_hand() -> None:
    # values 1/2 each: r - v is 1/2, -1/2, -1/2; mean -1/6, deviation sqrt((4 + 1 + 1) / 9 / 2) = sqrt(1/3)
    found, state = credit.single_stream.step(episodes([1, 2, 3], [1.0, 0.0, 0.0]))
    high, low = (1 / 2 + 1 / 6) * sqrt(3), (-1 / 2 + 1 / 6) * sqrt(3)
    np.testing.assert_allclose(found.advantage, np.repeat([high, low, low], 2), rtol=0, atol=1e-7)
    # no drift: rho is 1, clipped to 0.96; a = 0.96 / 2 + r, b = 0.96 / 2 + 1 - r
    assert known(state) == {"1": [1.48, 0.48], "2": [0.48, 1.48], "3": [0.48, 1.48]}
    assert found.figures == {"value": 0.5, "fading": 0.96, "drift": 0.0, "new": 1.0}


def test_single_stream_goes_on_from_what_it_knows() -> None:
    before = knowing({"1": [3.0, 1.0], "2": [1.0, 4.0]})
    table = episodes([1, 2], [1.0, 0.0], drift=[0.006, 0.6])
    found, state = credit.single_stream.step(table, before)
    # r - v is 1 - 3/4 and 0 - 1/5: mean 1/40, each 9/40 away; deviation sqrt(2) * 9/40
    np.testing.assert_allclose(found.advantage, np.repeat([1, -1], 2) / sqrt(2), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.parts["value"], np.repeat([0.75, 0.2], 2), **EXACT)
    # rho: 2^(-0.1) = 0.933 between the bounds; 2^(-10) below 0.875
    rho = 2**-0.1
    np.testing.assert_allclose(known(state)["1"], [3 * rho + 1, rho], **EXACT)
    np.testing.assert_allclose(known(state)["2"], [0.875, 4 * 0.875 + 1], **EXACT)
    assert found.figures["new"] == 0.0


def test_single_stream_takes_the_value_away() -> None:
    # three tasks, since of two the difference alone counts: 1 - 3/4, 0 - 1/5, 0 - 1/2 with mean -0.15
    before = knowing({"1": [3.0, 1.0], "2": [1.0, 4.0], "3": [1.0, 1.0]})
    found, _ = credit.single_stream.step(episodes([1, 2, 3], [1.0, 0.0, 0.0]), before)
    away = np.array([0.4, -0.05, -0.35]) / sqrt((0.16 + 0.0025 + 0.1225) / 2)
    np.testing.assert_allclose(found.advantage, np.repeat(away, 2), rtol=0, atol=1e-6)


def test_single_stream_counts_the_episodes_of_a_task_together() -> None:
    found, state = credit.single_stream.step(episodes([1, 1, 1, 2], [1.0, 0.0, 1.0, 1.0]))
    assert known(state) == {"1": [2.48, 1.48], "2": [1.48, 0.48]}
    # 1/2, -1/2, 1/2, 1/2: mean 1/4, deviation sqrt((3/16 + 9/16) / 3) = 1/2
    np.testing.assert_allclose(found.advantage[::2], [0.5, -1.5, 0.5, 0.5], rtol=0, atol=1e-7)
    alike, _ = credit.single_stream.step(episodes([1, 2], [1.0, 1.0]))
    assert alike.advantage.tolist() == [0.0] * 4
    alone, _ = credit.single_stream.step(episodes([1], [1.0]))
    assert alone.advantage.tolist() == [0.0] * 2


def test_single_stream_takes_returns_from_0_to_1() -> None:
    _, state = credit.bind(Part("single_stream", {"outcome": "return"})).step(episodes([1, 2], [0.25, 1.0]))
    assert known(state) == {"1": [0.73, 1.23], "2": [1.48, 0.48]}
    with pytest.raises(TableError, match=r"is 10.0; expected 0 to 1 \(reward.scale\)"):
        credit.single_stream(episodes([1], [10.0]), outcome="return")


@pytest.mark.parametrize("params", [{"half": 0.0}, {"least": 0.97}, {"most": 1.1}, {"prior": 0.0}])
def test_single_stream_refuses_numbers_out_of_range(params: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="single_stream: half="):
        credit.single_stream(episodes([1], [1.0]), **params)


@pytest.mark.parametrize("case", range(len(GOLDEN["cases"])))
def test_dcpo_equals_its_authors_function(case: int) -> None:
    given, state = GOLDEN["cases"][case], None
    for step in given["steps"]:
        bound = credit.bind(Part("dcpo", {"mode": given["mode"]}))
        found, state = bound.step(episodes(step["task"], step["return"]), state)
        np.testing.assert_allclose(found.advantage[::2], step["advantage"], rtol=0, atol=1e-8)
        assert set(state["tasks"]) == set(step["known"])
        for task, expected in step["known"].items():
            np.testing.assert_allclose(known(state)[task], expected, rtol=0, atol=1e-8)


def test_dcpo_by_hand() -> None:
    found, state = credit.dcpo.step(episodes([7, 7], [1.0, 1.0]), knowing({"7": [2, 0.25, 0.5]}))
    # all three steps: mean (2 * 0.25 + 1) / 3 = 0.5; variance (2 * 0.25 + 0 + 2/3 * 0.75^2) / 3
    deviation = sqrt((0.5 + 2 / 3 * 0.5625) / 3)
    among_all = 0.5 / deviation
    # the group alone says 0: a third of the other is the smaller mixture
    np.testing.assert_allclose(found.advantage, [among_all / 3] * 4, **EXACT)
    np.testing.assert_allclose(known(state)["7"], [3, 0.5, deviation], **EXACT)
    assert found.figures == {"steps": 3.0, "rescued": 1.0}
    # at the second step both mixtures are alike: half of each
    found, _ = credit.dcpo.step(episodes([7, 7], [1.0, 0.0]), knowing({"7": [1, 1.0, 0.0]}))
    mean, deviation = 0.75, sqrt((0.5 + 0.5 * 0.25) / 2)
    now = 0.5 / sqrt(0.5)
    expected = [(now + (1 - mean) / deviation) / 2, (-now - mean / deviation) / 2]
    np.testing.assert_allclose(found.advantage[::2], expected, **EXACT)


def test_dcpo_gives_nothing_to_one_alone_or_to_the_rounding_of_equal_returns() -> None:
    found, state = credit.dcpo.step(episodes([1, 2, 2], [1.0, 0.1, 0.1]))
    assert found.advantage.tolist() == [0.0] * 6
    assert set(state["tasks"]) == {"2"}
    for _ in range(6):
        found, state = credit.dcpo.step(episodes([2, 2], [0.1, 0.1]), state)
        assert found.advantage.tolist() == [0.0] * 4


def test_risk_po_tracked_follows_its_quantiles() -> None:
    bound = credit.bind(
        Part(
            "risk_po_tracked", {"lower": 0.25, "upper": 0.75, "mix": 1.0, "assign": "uniform", "scale": False}
        )
    )
    table = episodes([1] * 5, [0.0, 1.0, 2.0, 3.0, 4.0])
    first, state = bound.step(table)
    # quantiles of the batch are 1 and 3, as risk_po has them
    alike = credit.risk_po(table, lower=0.25, upper=0.75, mix=1.0, assign="uniform", scale=False)
    np.testing.assert_allclose(first.advantage, alike.advantage, **EXACT)
    assert state == {"levels": [0.25, 0.75], "quantiles": [1.0, 3.0]}
    found, state = bound.step(episodes([1] * 4, [0.0, 0.5, 1.0, 4.0]), state)
    # between: max(s - 1, 0) - max(s - 3, 0) - 2 over 0.5; tail: -max(1 - s, 0) over 0.25; the mean of both
    expected = [(-2 / 0.5 - 1 / 0.25) / 2, (-2 / 0.5 - 0.5 / 0.25) / 2, -2 / 0.5 / 2, 0.0]
    np.testing.assert_allclose(found.advantage[::2], expected, rtol=1e-4)
    # below 1 lie two of four, below 3 three
    np.testing.assert_allclose(state["quantiles"], [1 + 0.1 * (0.25 - 0.5), 3 + 0.1 * (0.75 - 0.75)], **EXACT)
    mixed, _ = credit.bind(replace_part(bound, among="mix")).step(
        episodes([1] * 5, [2.0, 3.0, 4.0, 5.0, 6.0]), state
    )
    # the batch's own are 3 and 5: means with 0.975 and 3
    np.testing.assert_allclose(mixed.parts["lower_quantile"], [(0.975 + 3) / 2] * 10, **EXACT)
    np.testing.assert_allclose(mixed.parts["upper_quantile"], [4.0] * 10, **EXACT)
    other, _ = credit.bind(replace_part(bound, lower=0.3)).step(table, state)
    np.testing.assert_allclose(other.parts["lower_quantile"], [1.2] * 10, **EXACT)


@pytest.mark.parametrize("rate", [0.0, -0.1])
def test_risk_po_tracked_refuses_a_rate_that_moves_nothing(rate: float) -> None:
    with pytest.raises(UsageError, match="above 0"):
        credit.bind(Part("risk_po_tracked", {"rate": rate})).step(episodes([1] * 2, [0.0, 1.0]))


def replace_part(bound: Any, **changes: Any) -> Part:
    return Part(bound.name, {**bound.params, **changes})


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=2, max_size=4), min_size=1, max_size=4),
    st.sampled_from(["dcpo", "single_stream"]),
    st.randoms(use_true_random=False),
)
def test_order_does_not_matter(outcomes: list[list[float]], name: str, random: Any) -> None:
    rows = [(task, outcome) for task, group in enumerate(outcomes) for outcome in group]
    before = knowing({"dcpo": {"0": [3, 0.5, 0.25]}, "single_stream": {"0": [2.0, 3.0]}}[name])
    estimator = credit.get(name)
    one, first = estimator.step(episodes(*map(list, zip(*rows, strict=True))), before)
    order = list(range(len(rows)))
    random.shuffle(order)
    mixed = [rows[place] for place in order]
    other, second = estimator.step(episodes(*map(list, zip(*mixed, strict=True))), before)
    np.testing.assert_allclose(other.advantage[::2], one.advantage[::2][order], rtol=1e-9, atol=1e-9)
    assert known(first).keys() == known(second).keys()
    for task, values in known(first).items():
        np.testing.assert_allclose(known(second)[task], values, rtol=1e-9, atol=1e-9)


def test_tasks_are_told_apart_by_environment_and_seed() -> None:
    table = episodes([3, 3, 3, 4], [0.0] * 4, env_id=["a", "b", "a", "a"])
    codes, names = tasks_of(table)
    assert codes.tolist() == [0, 1, 0, 2]
    assert names == ["a 3", "b 3", "a 4"]
    bare = TurnTable.from_columns(group=["x", "y"], trajectory=[0, 1], reward=[0.0, 0.0])
    assert tasks_of(bare)[1] == ["group x", "group y"]
    numbers = TaskNumbers.of(knowing({"a": [1.0], "b": [2.0], "c": [3.0]}), 1)
    state = numbers.after(["b", "d"], np.array([[4.0], [5.0]]), 3)
    assert known(state) == {"c": [3.0], "b": [4.0], "d": [5.0]}


def test_dcpo_takes_several_groups_of_a_task_one_after_the_other() -> None:
    rows = [row for row in range(8) for _ in range(2)]
    outcomes = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    table = TurnTable.from_columns(
        group=[row // 2 for row in rows],
        trajectory=rows,
        reward=[outcomes[row] * (place % 2) for place, row in enumerate(rows)],
        task_seed=[7 if row < 6 else 8 for row in rows],
    )
    _, together = credit.dcpo.step(table)
    state = None
    for group in range(4):
        _, state = credit.dcpo.step(table.select(table.group == group), state)
    assert state is not None
    for task in ("7", "8"):
        np.testing.assert_allclose(known(together)[task], known(state)[task], **EXACT)
