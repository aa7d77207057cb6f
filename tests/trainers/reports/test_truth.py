"""`turnwise truth`: methods held against stored true advantages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import turnwise.credit as credit
from turnwise.__main__ import app
from turnwise.credit import Credit, Estimator, TurnTable
from turnwise.errors import UnknownName, UsageError
from turnwise.trainers.reports.truth import find_method, score, stored
from turnwise.trainers.reports.truth.stored import read

OWN = """
import numpy as np
from turnwise.credit import Credit, Head, TurnTable, register


def early(table: TurnTable, *, power: float = 1.0) -> list[float]:
    '''Give early turns of won episodes more.'''
    return (table.episode_return / (1.0 + table.turn) ** power).tolist()


@register("own_critic_of_a_test", heads=(Head("mine", "prompt", "mine"),))
def judged(table: TurnTable, *, gamma: float = 0.9) -> Credit:
    '''Give what was earned less what was expected.'''
    return Credit(table.returns(gamma) - table.numbers("mine"))


NUMBER = 3
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("own") / "truth_own_methods.py"
    file.write_text(OWN)
    return file


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["truth", *arguments])


def small() -> dict[str, Any]:
    """Return a document of two tasks with two episodes each: one turn of the first was redrawn twice."""
    won, lost = {"s": [0, 1], "a": [0, 1], "l": [3], "w": 1}, {"s": [0], "a": [1], "l": [2], "w": 0}
    other = {"s": [1, 1, 1], "a": [0, 0, 0], "l": [2], "w": 0}
    over = {"s": [], "a": [], "l": [], "w": 0}
    return {
        "about": {"tasks": 2, "group_size": 2, "redraws": 2, "roles": 3},
        "states": ["hall", "kitchen", "cellar", "goal"],
        "sights": [[0, 0, [1.0]], [1, 1, [2.0]]],
        "acts": [["go", 0], ["take", 2]],
        "episodes": [won, lost, lost, won],
        "truth": {name: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] for name in ("advantage", "first", "second", "error")},
        "spots": [[0, 0], [3, 1]],
        "redraws": [
            {"others": [[lost], [won]], "rests": [{"s": [1], "a": [0], "l": [2], "w": 0}, over]},
            {"others": [[won], [other]], "rests": [{"s": [1], "a": [1], "l": [3], "w": 1}, over]},
        ],
    }


def test_redrawn_groups_keep_the_turn_and_what_came_before() -> None:
    held = read(small())
    table = held.batch.table
    assert table.columns["state_key"].tolist() == ["hall", "kitchen", "hall", "hall", "hall", "kitchen"]
    assert table.columns["next_state_key"].tolist() == [
        "kitchen",
        "goal",
        "cellar",
        "cellar",
        "kitchen",
        "goal",
    ]
    assert table.reward.tolist() == [0, 1, 0, 0, 0, 1]
    assert held.spot_J.tolist() == [0, 5]
    again = held.redrawn.table
    # redraw 1: go, go (lost) with lost; the whole of the fourth with won. Redraw 2 likewise
    assert again.lengths.tolist() == [2, 1, 2, 2, 2, 2, 2, 3]
    assert again.group.tolist() == [0] * 3 + [1] * 4 + [2] * 4 + [3] * 5
    assert held.row_RJ.tolist() == [[0, 4], [7, 12]]
    assert again.columns["action"][[0, 1, 7, 8]].tolist() == ["go", "go", "go", "take"]
    assert again.episode_return[[0, 4, 7, 12]].tolist() == [0, 1, 1, 1]
    assert held.redrawn.task_N.tolist() == [0] * 3 + [1] * 4 + [0] * 4 + [1] * 5


def test_the_truth_itself_is_right_and_a_coin_is_not() -> None:
    held = stored()

    def true(table: TurnTable) -> Credit:
        if len(table) == len(held.batch.table):
            return Credit(held.truth.advantage_N)
        advantage_N = np.zeros(len(table))
        advantage_N[held.row_RJ] = held.truth.advantage_N[held.spot_J]
        return Credit(2.0 * advantage_N)

    found = score(Estimator("credit estimator", "true", true, {}), num_resamples=5)
    assert found.figures["rank_correlation"][0] == pytest.approx(1)
    assert found.figures["sign_right"][0] == 1
    assert found.figures["variance"][0] == pytest.approx(0, abs=1e-9)
    assert found.figures["bias"][0] == pytest.approx(0, abs=0.25)  # but for the error of the rollouts
    assert found.scale == pytest.approx(1)
    assert sum(place["turns"] for place in found.places) == len(held.batch.table)
    assert all(place["error_rms"] < place["true_rms"] for place in found.places)
    coin = np.random.default_rng(0)
    chance = Estimator("credit estimator", "coin", lambda table: Credit(coin.normal(size=len(table))), {})
    lost = score(chance, num_resamples=5)
    assert abs(lost.figures["rank_correlation"][0]) < 0.1
    assert lost.figures["sign_right"][0] == pytest.approx(0.5, abs=0.05)
    assert lost.figures["bias"][0] > 0.7


def test_critics_help_and_methods_are_found(own: Path) -> None:
    blind, seeing = (score(credit.get(name), num_resamples=2) for name in ("grpo", "td0"))
    assert seeing.figures["sign_right_clear"][0] > blind.figures["sign_right_clear"][0]
    judged = score(find_method(f"{own}:judged"), {"gamma": 0.95}, num_resamples=2)
    assert judged.figures["rank_correlation"][0] > 0.1
    with pytest.raises(UsageError, match="NUMBER is int; expected a function"):
        find_method(f"{own}:NUMBER")
    with pytest.raises(UnknownName, match="did you mean 'grpo'"):
        find_method("grop")


def test_the_command_prints_writes_and_refuses(own: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "turns.parquet"
    place = f"{own}:early"
    done = run(place, "--set", "power=2", "--json", "--out", str(out))
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    (method,) = document["methods"]
    assert method["params"] == {"power": 2}
    assert {"rank_correlation", "sign_right", "sign_right_clear", "bias", "variance"} == set(
        method["figures"]
    )
    rows = parquet.read_table(out).to_pylist()
    assert len(rows) == len(stored().batch.table)
    assert rows[0]["error"] == pytest.approx(
        method["scale"] * rows[0]["advantage"] - rows[0]["true_advantage"]
    )
    shown = run("grpo", place)
    assert shown.exit_code == 0
    assert "sign right" in shown.output
    assert run("grpo", "gigpo", "--set", "mode=mean").exit_code != 0
    assert run("grpo", "--set", "gama=1").exit_code != 0
    assert run("igpo").exit_code != 0
