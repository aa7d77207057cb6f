"""Trackers are told what the log says, and none of them holds a run up or stops it.

1. Names are those that users of TRL know; what is not a finite number is left out.
2. One that fails, when it is made or later, is told once and left out; others go on.
3. One that hangs is left behind at the end; one that is slow loses its oldest lines.
4. A run that goes on gives each tracker what it has kept.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import Stopped, UnknownName, UsageError
from turnwise.trainers import trackers
from turnwise.trainers.recipe import load
from turnwise.trainers.trackers import TRACKERS, Tracked, check, hub, tracker, tracking
from turnwise.trainers.trackers.figures import figures_of, rows_of
from turnwise.trainers.validate import validate


class Noting:
    """A tracker that notes what it is told."""

    told: list[tuple[Any, ...]]

    def __init__(self, run: Tracked, kept: dict[str, Any]) -> None:
        kept["times"] = kept.get("times", 0) + 1
        self.told.append(("begin", run.name, run.update, kept["times"]))

    def figures(self, values: dict[str, float], update: int) -> None:
        self.told.append(("figures", values, update))

    def turns(self, rows: list[dict[str, Any]], update: int) -> None:
        self.told.append(("turns", [row["action"] for row in rows], update))

    def finish(self, ended: str) -> None:
        self.told.append(("finish", ended))


@pytest.fixture
def own() -> Iterator[None]:
    """Give trackers of the tests their names, and take them away."""
    known = dict(TRACKERS)
    Noting.told = []
    tracker("noting")(Noting)
    yield
    TRACKERS.clear()
    TRACKERS.update(known)


def run_in(folder: Path, update: int = 0) -> Tracked:
    return Tracked(folder, "turnwise", {"optim": {"learning_rate": 0.1}}, "[optim]\n", update)


def episode(text: str = "go") -> Trajectory:
    turn = Turn(0, "a room", "key", text, 1.0, "", generation=Generation(text))
    return Trajectory("e", "t", 0, "g", (turn,), "terminated", success=True)


def test_figures_have_names_that_users_of_trl_know() -> None:
    entry = {"kind": "update", "update": 3, "reward": 1, "completions/mean_length": 2.5, "loss": math.nan}
    entry |= {"rollout/causes": {"x": 1}, "success_rate": None, "done": True}
    assert figures_of(entry) == {"train/reward": 1.0, "train/completions/mean_length": 2.5}
    entry = {"kind": "eval", "update": 0, "eval/success_rate": 0.5, "train_seconds": 2.0}
    assert figures_of(entry) == {"eval/success_rate": 0.5, "train/train_seconds": 2.0}


def test_turns_are_few_and_short() -> None:
    rows = rows_of([episode("x" * 3000), episode(), episode()])
    assert [row["trajectory"] for row in rows] == ["g#0", "g#0"]
    assert rows[0]["message"].endswith("x [and 1000 characters]")


@pytest.mark.usefixtures("own")
def test_a_tracker_is_told_of_everything_in_its_order(tmp_path: Path) -> None:
    with tracking(["noting", "noting"], run_in(tmp_path), print) as told:
        told.figures({"kind": "update", "update": 1, "reward": 2.0})
        told.trajectories([episode()], 1)
    with pytest.raises(Stopped), tracking(["noting"], run_in(tmp_path, 1), print):
        raise Stopped("enough")
    with pytest.raises(ZeroDivisionError), tracking(["noting"], run_in(tmp_path, 1), print):
        raise ZeroDivisionError
    name = tmp_path.name
    assert Noting.told == [
        ("begin", name, 0, 1),
        ("figures", {"train/reward": 2.0}, 1),
        ("turns", ["go"], 1),
        ("finish", "finished"),
        ("begin", name, 1, 2),
        ("finish", "stopped"),
        ("begin", name, 1, 3),
        ("finish", "failed"),
    ]
    assert json.loads((tmp_path / "trackers.json").read_text()) == {"noting": {"times": 3}}


@pytest.mark.usefixtures("own")
def test_one_that_fails_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    class Failing(Noting):
        """A tracker whose server is gone."""

        def __init__(self, run: Tracked, kept: dict[str, Any]) -> None:
            self.calls = 0

        def figures(self, values: dict[str, float], update: int) -> None:
            self.calls += 1
            raise ConnectionError(f"gone\x1b[2J, call {self.calls}")

    def never(run: Tracked, kept: dict[str, Any]) -> Any:
        raise SystemExit("no account")

    tracker("failing")(Failing)
    tracker("never")(never)
    said: list[str] = []
    with tracking(["failing", "never", "noting"], run_in(tmp_path), said.append) as told:
        for update in (1, 2):
            told.figures({"kind": "update", "update": update, "reward": 0.0})
    assert [line.partition(": ")[2].partition(" ")[0] for line in said] == ["never", "failing"]
    assert "call 1" in said[1]
    assert [each[0] for each in Noting.told] == ["begin", "figures", "figures", "finish"]


@pytest.mark.usefixtures("own")
def test_one_that_hangs_or_is_slow_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    class Slow(Noting):
        """A tracker that waits."""

        def figures(self, values: dict[str, float], update: int) -> None:
            go_on.wait(60)
            super().figures(values, update)

    tracker("slow")(Slow)
    monkeypatch.setattr(hub, "_MAX_WAITING", 3)
    monkeypatch.setattr(hub, "_FINISH_S", 0.05)
    said: list[str] = []
    with tracking(["slow"], run_in(tmp_path), said.append) as told:
        for update in range(10):
            told.figures({"kind": "update", "update": update, "reward": 0.0})
    go_on.set()
    assert said[0] == "log.to: slow had not ended after 0.05 s, and is left behind"
    assert "lines were lost" in said[1]


def test_what_is_not_there_is_refused_before_a_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="tensorboard"):
        validate(load("tiny", ['log.to=["tensorbord"]', "env.id=household/demo-v0"]))
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(UsageError, match=r"log\.to: wandb needs wandb: pip install wandb"):
        check(["wandb"])
    assert {"tensorboard", "wandb", "mlflow", "trackio"} <= TRACKERS.keys()
    assert trackers.tensorboard.TensorBoard is TRACKERS["tensorboard"]
