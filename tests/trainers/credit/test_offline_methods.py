"""OREO against its authors' function, in value and gradient; A-LoL and cloning by hand."""

from __future__ import annotations

import json
from math import e, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnwise.credit as credit
from turnwise.credit import TurnTable
from turnwise.errors import TableError, UnknownName, UsageError
from turnwise.trainers.losses import aggregation_weights

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "oreo.json").read_text())["cases"]


def table(rewards: list[list[float]], tokens: dict[str, list[list[list[float]]]], **more: Any) -> TurnTable:
    """Build a table of one group; `tokens` has an array a turn for each trajectory."""
    rows = [(path, reward) for path, own in enumerate(rewards) for reward in own]
    columns = {name: [list(turn) for path in paths for turn in path] for name, paths in tokens.items()}
    lengths = [len(turn) for turn in columns["log_ratio"]]
    columns.setdefault("sampled", [[1.0] * length for length in lengths])
    return TurnTable.from_columns(
        group=["g"] * len(rows),
        trajectory=[path for path, _ in rows],
        reward=[reward for _, reward in rows],
        num_tokens=lengths,
        **{**columns, **more},
    )


def flat(values: Any) -> np.ndarray:
    return np.array([value for trajectory in values for turn in trajectory for value in turn])


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_oreo_is_the_authors(case: dict[str, Any]) -> None:
    logp, reference = case["logp"], case["reference"]
    ratio = [
        [(np.array(a) - np.array(b)).tolist() for a, b in zip(x, y, strict=True)]
        for x, y in zip(logp, reference, strict=True)
    ]
    ends = [[0.0] * (len(turns) - 1) + [r] for turns, r in zip(logp, case["reward"], strict=True)]
    batch = table(ends, {"log_ratio": ratio, "token_values": case["value"]})
    found = credit.get("oreo")(batch, beta=case["beta"], level=case["level"])
    assert found.tokens is not None
    assert found.targets is not None
    target, value, expected = np.concatenate(found.targets["value"]), flat(case["value"]), case["expected"]
    trajectory = np.repeat(batch.trajectory, [len(turn) for turn in found.tokens])
    states = np.bincount(trajectory[~np.isnan(target)])
    share = 1.0 / (len(states) * states[trajectory])  # of a state in the mean over trajectories
    # the loss of `reinforce` is the weighted sum of -A log pi
    weight = aggregation_weights("trajectory_mean", trajectory, trajectory)
    np.testing.assert_allclose(
        -np.concatenate(found.tokens) * weight, flat(expected["actor_gradient"]), rtol=0, atol=1e-12
    )
    residual = np.where(np.isnan(target), 0.0, value - np.nan_to_num(target))
    np.testing.assert_allclose(np.sum(residual**2 * share), expected["value_loss"], rtol=1e-12)
    np.testing.assert_allclose(expected["actor_loss"], expected["value_loss"], rtol=1e-12)
    np.testing.assert_allclose(2 * residual * share, flat(expected["value_gradient"]), rtol=0, atol=1e-12)


# two turns of 2 and 1 tokens, the second token forced; V = 1, 9 | 2, x = 1, 9 | 3, rewards 0 and 5
TOKENS = {"log_ratio": [[[1.0, 9.0], [3.0]]], "token_values": [[[1.0, 9.0], [2.0]]]}
FORCED = {"sampled": [[1.0, 0.0], [1.0]]}


def test_oreo_leaves_forced_tokens_out() -> None:
    # errors: 1 + .5 * (1 + 3) - 5 = -2 and 2 + .5 * 3 - 5 = -1.5; advantages -2 * .5 * error
    found = credit.get("oreo")(table([[0.0, 5.0]], TOKENS, **FORCED), beta=0.5)
    assert found.tokens is not None
    assert found.targets is not None
    assert [turn.tolist() for turn in found.tokens] == [[2.0, 0.0], [1.5]]
    np.testing.assert_array_equal(np.concatenate(found.targets["value"]), [5 - 0.5 * 4, np.nan, 5 - 0.5 * 3])
    assert found.parts["error"].tolist() == [-2.0, -1.5]
    assert found.figures["error"] == pytest.approx(((4 + 2.25) / 2) ** 0.5)
    assert found.figures["log_ratio"] == 2.0


def test_oreo_counts_the_rewards_that_are_still_to_come() -> None:
    # rewards 2 and 5: the first state expects 7, the second 5
    found = credit.get("oreo")(table([[2.0, 5.0]], TOKENS, **FORCED), beta=0.5)
    assert found.parts["error"].tolist() == [1 + 0.5 * 4 - 7, 2 + 0.5 * 3 - 5]


def test_oreo_refuses_what_it_cannot_use() -> None:
    batch = table([[0.0, 5.0]], TOKENS)
    with pytest.raises(UnknownName, match="level"):
        credit.get("oreo")(batch, level="episode")
    with pytest.raises(TableError, match="log_ratio"):
        credit.get("oreo")(
            TurnTable.from_columns(
                group=["g"], trajectory=[0], reward=[1.0], num_tokens=[1], token_values=[[1.0]], sampled=[[1]]
            )
        )


# returns 3 and 1, first values 1 and 2: advantages 2, and -1, which is left out
LOL = {"log_ratio": [[[0.1, 0.2], [0.3]], [[0.0], [0.0]]]}
VALUES = [1.0, 50.0, 2.0, 50.0]


@pytest.mark.parametrize(
    ("params", "first", "second"),
    [
        ({"clip": 0.0}, [2 * e**0.6, 2 * e**0.6], [2 * e**0.6]),
        ({"clip": 0.5}, [3.0, 3.0], [3.0]),  # e^.6 is 1.82, over 1.5
        ({"weight": "token", "clip": 0.25}, [2 * e**0.1, 2 * e**0.2], [2.5]),  # e^.3 is 1.35
        ({"weight": "none"}, [2.0, 2.0], [2.0]),
    ],
)
def test_alol(params: dict[str, Any], first: list[float], second: list[float]) -> None:
    batch = table([[0.0, 3.0], [1.0, 0.0]], LOL, value=VALUES)
    found = credit.get("alol")(batch, **params)
    assert found.tokens is not None
    assert found.targets is not None
    for turn, expected in zip(found.tokens, [first, second, [0.0], [0.0]], strict=True):
        np.testing.assert_allclose(turn, expected, rtol=1e-12)
    assert found.parts["gain"].tolist() == [2.0, 2.0, -1.0, -1.0]
    np.testing.assert_array_equal(found.targets["value"], [3.0, np.nan, 1.0, np.nan])
    assert found.figures["kept"] == 0.5


def test_alol_leaves_forced_tokens_out_of_the_ratio() -> None:
    forced = {**LOL, "sampled": [[[1.0, 0.0], [1.0]], [[1.0], [1.0]]]}
    found = credit.get("alol")(table([[0.0, 3.0], [1.0, 0.0]], forced, value=VALUES), clip=0.0)
    assert found.tokens is not None
    np.testing.assert_allclose(found.tokens[0], [2 * e**0.4] * 2, rtol=1e-12)  # 0.1 + 0.3


def test_alol_bounds_from_below_and_counts_what_it_bounds() -> None:
    unlikely = {"log_ratio": [[[log(0.05)], [0.0]], [[0.0], [0.0]]]}
    batch = table([[0.0, 3.0], [1.0, 0.0]], unlikely, value=VALUES)
    found = credit.get("alol")(batch)
    np.testing.assert_allclose(found.advantage, [2 * 0.1, 2 * 0.1, 0, 0])
    assert found.figures["clipped"] == 0.5
    with pytest.raises(UsageError, match="clip is 2"):
        credit.get("alol")(batch, clip=2.0)
    with pytest.raises(UnknownName, match="weight"):
        credit.get("alol")(batch, weight="turn")


def test_cloning_takes_every_valid_turn_alike() -> None:
    batch = table([[0.0, 3.0], [1.0, 0.0]], LOL, valid=[True, False, True, True])
    found = credit.get("cloning")(batch)
    assert found.advantage.tolist() == [1.0, 0.0, 1.0, 1.0]
    assert found.figures["cloned"] == 0.75
    assert credit.get("cloning")(batch, only_valid=False).advantage.tolist() == [1.0] * 4
    nothing = TurnTable.from_columns(group=[], trajectory=[], reward=[])
    assert credit.get("cloning")(nothing).figures == {"cloned": 0.0}
