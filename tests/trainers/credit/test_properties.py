"""What holds for every estimator, whatever the batch.

1. The order of trajectories does not matter, nor what groups, trajectories and states are called.
2. A trajectory that failed for the machine's reasons changes nothing and gets exactly 0.
3. A group without any difference gets exactly 0, next to live groups too.
4. Where the method promises it: a constant added to every outcome changes nothing; scaling
   rewards (and critics) scales the advantage, or changes nothing.
5. Whatever comes in, only finite numbers come out, and the same ones each time.

Drawing a batch takes four times as long as all that a method makes of it: each is given to every method.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import turnwise.credit as credit

CRITICS = ("value", "v_low", "v_high", "v_term", "q1", "q2", "v1", "v2")
ALL = sorted(set(credit.names()))
CRITIC_METHODS = {"alol", "archer", "bilevel_gae", "hae", "oreo", "poad", "td0", "turn_ppo", "vetta"}
NOT_COMPARED = {"igpo", "cloning", "asymre"}  # by a gold answer; not at all; with less than the mean
WHOLE_BATCH = {
    "mars",
    "gdpo",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "single_stream",
}  # whitened or centred over the batch
SHIFT = ["grpo", "dr_grpo", "rloo", "reinforce_pp", "reinforce_pp_baseline", "salt", "broadcast", "mars"]
SHIFT += ["opmd", "dvao", "canon", "bnpo", "gdpo", "spo_tree", "dcpo"]
ZERO_WHEN_EQUAL = ["grpo", "dr_grpo", "rloo", "gigpo", "hgpo", "salt", "broadcast", "igpo", "gagpo", "rtmc"]
ZERO_WHEN_EQUAL += ["opmd", "canon", "bnpo", "risk_po", "aspo", "gdpo", "spo_tree", "dcpo"]
SAME_UNDER_SCALE = [
    ("grpo", {}),
    ("gigpo", {"mode": "mean_std"}),
    ("hgpo", {"mode": "mean_std"}),
    ("salt", {}),
    ("reinforce_pp", {}),
    ("reinforce_pp_baseline", {}),
    ("broadcast", {}),
    ("mars", {}),
    ("gagpo", {}),
    ("crbc", {}),
    ("graphhca", {}),
    ("gdpo", {}),
    ("dvao", {}),
    ("step_grpo", {}),
    ("m_grpo", {"rollouts": 2}),
    ("spo_tree", {"mode": "mean_std"}),
]
SCALES = [
    ("dr_grpo", {}),
    ("rloo", {}),
    ("gigpo", {"mode": "mean"}),
    ("hgpo", {"mode": "mean", "base_group": True}),
    ("salt", {"base": "rloo"}),
    ("broadcast", {"mode": "mean"}),
    ("gagpo", {"mode": "mean"}),
    ("rtmc", {"normalise": False}),
    ("opmd", {}),
    ("canon", {"mu": 0.7, "alpha": 0.8}),
    ("spo_tree", {}),
    ("step_grpo", {"mode": "mean"}),
    ("turn_ppo", {}),
    ("vetta", {}),
    ("archer", {}),
    ("poad", {}),
    ("td0", {}),
    ("bilevel_gae", {}),
    ("hae", {"normalize": False}),
]


@dataclass(frozen=True)
class Row:
    state: str
    action: str
    reward: float
    valid: bool
    tokens: int
    switch: bool
    agent: str
    critics: tuple[float, ...]


@dataclass(frozen=True)
class Path:
    group: str
    name: str
    rows: tuple[Row, ...]
    end: str = "terminated"
    next_states: tuple[str, ...] = field(default=())


eighths = st.integers(-8, 8).map(lambda number: number / 8)
rows = st.builds(
    Row,
    state=st.sampled_from("abc"),
    action=st.sampled_from(["go", "look"]),
    reward=st.sampled_from([0.0, 0.0, 1.0, 0.5, -0.25]),
    valid=st.booleans(),
    tokens=st.integers(1, 3),
    switch=st.booleans(),
    agent=st.sampled_from(["one", "two"]),
    critics=st.tuples(*[eighths] * len(CRITICS)),
)
paths = st.lists(st.lists(rows, min_size=1, max_size=5).map(tuple), min_size=2, max_size=4)


@st.composite
def batches(draw: st.DrawFn) -> list[Path]:
    groups = draw(st.lists(paths, min_size=1, max_size=3))
    return [
        Path(f"g{g}", f"t{t}", rows, draw(st.sampled_from(["terminated", "horizon", "tokens"])))
        for g, group in enumerate(groups)
        for t, rows in enumerate(group)
    ]


def table(batch: list[Path], scale: float = 1.0, **changed: Any) -> credit.TurnTable:
    """Build a table with every column that any method reads."""
    flat = [(path, place, row) for path in batch for place, row in enumerate(path.rows)]
    columns: dict[str, Any] = {
        "group": [path.group for path, _, _ in flat],
        "trajectory": [path.name for path, _, _ in flat],
        "reward": [scale * row.reward for _, _, row in flat],
        "state_key": [row.state for _, _, row in flat],
        "next_state_key": [
            path.rows[place + 1].state if place + 1 < len(path.rows) else "over" for path, place, _ in flat
        ],
        "action": [row.action for _, _, row in flat],
        "valid": [row.valid for _, _, row in flat],
        "end": [path.end for path, _, _ in flat],
        "num_tokens": [row.tokens for _, _, row in flat],
        "switch": [row.switch for _, _, row in flat],
        "agent": [row.agent for _, _, row in flat],
        "tool_calls": [float(row.action == "look") for _, _, row in flat],
        "success": [sum(row.reward for row in path.rows) > 0 for path, _, _ in flat],
        "gold_prob": [0.5 + row.critics[0] / 4 for _, _, row in flat],
        "token_values": [
            [scale * row.critics[(place + i) % len(CRITICS)] for i in range(row.tokens)]
            for _, place, row in flat
        ],
        "log_ratio": [[row.critics[i] for i in range(row.tokens)] for _, _, row in flat],
        "sampled": [[float(i != 1) for i in range(row.tokens)] for _, _, row in flat],
        "next_value": [scale * row.critics[1] for _, _, row in flat],
    }
    for place, name in enumerate(CRITICS):
        columns[name] = [scale * row.critics[place] for _, _, row in flat]
    return credit.TurnTable.from_columns(**{**columns, **changed})


def of_one_agent(name: str, batch: list[Path], scale: float = 1.0) -> credit.TurnTable:
    """Build a table of one agent, or of two for the method that is for several.

    The last reward belongs to whoever acted last: to move it by a constant moves
    the outcome of an episode, not that of each agent.
    """
    if name == "mars":
        return table(batch, scale)
    return table(batch, scale, agent=["one"] * sum(len(path.rows) for path in batch))


def by_turn(batch: list[Path], result: credit.Credit) -> dict[tuple[str, str, int], Any]:
    """Return everything a turn was given, under its names."""
    flat = [(path.group, path.name, place) for path in batch for place in range(len(path.rows))]
    spans = result.spans or {}
    tokens = result.tokens or [np.zeros(0)] * len(flat)
    return {
        key: np.array([result.advantage[i], *(span[i] for span in spans.values()), *tokens[i]])
        for i, key in enumerate(flat)
    }


def assert_same(one: dict[Any, Any], other: dict[Any, Any], atol: float = 1e-6) -> None:
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_allclose(one[key], other[key], atol=atol, rtol=1e-6, err_msg=str(key))


def each_of(methods: Iterable[Any]) -> Iterator[Any]:
    """Yield methods, and note them: the last note of a failure is the method that failed."""
    for method in methods:
        note(f"{method}")
        yield method


every = pytest.mark.parametrize("name", ALL)
quick = settings(max_examples=15, deadline=None)


@quick
@given(batch=batches(), seed=st.integers(0, 99))
def test_order_and_names_do_not_matter(batch: list[Path], seed: int) -> None:
    shuffled = random.Random(seed).sample(batch, len(batch))
    renamed = [
        replace(
            path,
            group=f"group of {path.group}",
            name=f"{path.name}!",
            rows=tuple(replace(row, state=f"state {row.state}") for row in path.rows),
        )
        for path in batch
    ]
    for name in each_of(ALL):
        before = by_turn(batch, credit.get(name)(table(batch)))
        assert_same(before, by_turn(shuffled, credit.get(name)(table(shuffled))))
        after = by_turn(renamed, credit.get(name)(table(renamed)))
        for (group, path, place), value in before.items():
            np.testing.assert_allclose(value, after[f"group of {group}", f"{path}!", place], atol=1e-6)


@quick
@given(
    batch=batches(), failed=st.lists(rows, min_size=1, max_size=4), end=st.sampled_from(["error", "deadline"])
)
def test_a_failure_of_the_machine_changes_nothing(batch: list[Path], failed: list[Row], end: str) -> None:
    broken = Path(batch[0].group, "broken", tuple(failed), end)
    with_broken = [*batch[:1], broken, *batch[1:]]
    for name in each_of(ALL):
        alone = by_turn(batch, credit.get(name)(table(batch)))
        together = by_turn(with_broken, credit.get(name)(table(with_broken)))
        for place in range(len(failed)):
            assert np.all(together.pop((broken.group, "broken", place)) == 0.0)
        assert_same(alone, together, atol=0.0)


@quick
@given(batch=batches())
def test_no_difference_gives_exactly_zero(batch: list[Path]) -> None:
    every_dead = [
        replace(path, rows=tuple(replace(row, reward=0.0, valid=True) for row in path.rows)) for path in batch
    ]
    for name in each_of(name for name in ALL if name not in CRITIC_METHODS | NOT_COMPARED):
        dead = [path for path in every_dead if path.group != "g1" or name in WHOLE_BATCH]
        live = [path for path in batch if path.group == "g1" and name not in WHOLE_BATCH]
        result = by_turn([*dead, *live], credit.get(name)(table([*dead, *live])))
        for path in dead:
            for place in range(len(path.rows)):
                assert np.all(result[path.group, path.name, place] == 0.0)


@quick
@given(path=st.lists(rows, min_size=1, max_size=5), copies=st.integers(2, 13))
def test_equal_trajectories_give_exactly_zero(path: list[Row], copies: int) -> None:
    same = tuple(replace(row, valid=True, state=str(place), reward=0.1) for place, row in enumerate(path))
    batch = [Path("g", f"t{copy}", same) for copy in range(copies)]
    for name in each_of(ZERO_WHEN_EQUAL):
        params = {"statistics": "trajectories"} if name == "gigpo" else {}
        result = credit.get(name)(table(batch), **params)
        assert np.all(result.advantage == 0.0)


def shifted(name: str, path: Path, shift: float) -> Path:
    """Add a constant to the outcome of a trajectory, as a method counts it."""
    if name == "mars":  # centred turn by turn
        return replace(path, rows=tuple(replace(row, reward=row.reward + shift) for row in path.rows))
    last = replace(path.rows[-1], reward=path.rows[-1].reward + shift)
    return replace(path, rows=(*path.rows[:-1], last))


@quick
@given(batch=batches(), shift=st.sampled_from([1.0, -3.5]))
def test_a_shift_of_outcomes_changes_nothing(batch: list[Path], shift: float) -> None:
    for name in each_of(SHIFT):
        moved = [shifted(name, path, shift) for path in batch]
        before = by_turn(batch, credit.get(name)(of_one_agent(name, batch)))
        after = by_turn(moved, credit.get(name)(of_one_agent(name, moved)))
        # the last reward is in the return of every turn of reinforce_pp
        assert_same(before, after, atol=1e-6 if name == "reinforce_pp" else 1e-5)


@quick
@given(batch=batches(), scale=st.sampled_from([2.0, 16.0]))
def test_scaled_rewards_change_nothing(batch: list[Path], scale: float) -> None:
    for name, params in each_of(SAME_UNDER_SCALE):
        fine = {**params, "epsilon": 1e-14}  # the usual one counts beside a small deviation
        before = by_turn(batch, credit.get(name)(of_one_agent(name, batch), **fine))
        after = by_turn(batch, credit.get(name)(of_one_agent(name, batch, scale), **fine))
        assert_same(before, after, atol=1e-6)


@quick
@given(batch=batches(), scale=st.sampled_from([2.0, 0.125]))
def test_scaled_rewards_scale_the_advantage(batch: list[Path], scale: float) -> None:
    for name, params in each_of(SCALES):
        before = by_turn(batch, credit.get(name)(table(batch), **params))
        after = by_turn(batch, credit.get(name)(table(batch, scale), **params))
        assert_same({key: scale * value for key, value in before.items()}, after)


@quick
@given(batch=batches(), huge=st.sampled_from([1.0, 1e9, 1e-9]))
def test_only_finite_numbers_come_out(batch: list[Path], huge: float) -> None:
    num = sum(len(path.rows) for path in batch)
    for name in each_of(ALL):
        result = credit.get(name)(table(batch, huge))
        again = credit.get(name)(table(batch, huge))
        assert result.advantage.shape == (num,)
        assert result.advantage.dtype == np.float64
        for values in (result.advantage, *result.parts.values(), *(result.spans or {}).values()):
            assert values.shape == (num,)
            assert np.isfinite(values).all()
        for turn in result.tokens or []:
            assert np.isfinite(turn).all()
        np.testing.assert_array_equal(result.advantage, again.advantage)


@every
def test_an_empty_batch_gives_an_empty_credit(name: str) -> None:
    result = credit.get(name)(table([]))
    assert result.advantage.shape == (0,)


@every
def test_a_group_of_one_gives_finite_numbers(name: str) -> None:
    row = Row("a", "go", 1.0, True, 2, True, "one", (0.5,) * len(CRITICS))
    result = credit.get(name)(table([Path("g", "t", (row,))]))
    assert np.isfinite(result.advantage).all()


@every
def test_every_method_says_what_it_does(name: str) -> None:
    assert credit.get(name).summary.endswith(".")
    assert credit.get(name).summary[0].isupper()
