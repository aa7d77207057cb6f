"""Runs whose episodes play ahead of the learner: exact without staleness, bounded and proved with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from turnwise.agents.tiny.checkpoint import load_model
from turnwise.agents.tiny.policy import TinyPolicy
from turnwise.agents.tiny.slots import SlotTable
from turnwise.agents.trajectories import read_trajectories
from turnwise.agents.types import Generation, Trajectory, Turn, VersionSpan
from turnwise.errors import TrainingError, UsageError
from turnwise.trainers.assign import Assigner
from turnwise.trainers.learner.sequences import Lag, pack
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.runs.statistics import staleness
from turnwise.trainers.train import train

Lights = Callable[..., Recipe]
CLOCKS = ("seconds", "step_time", "_per_s", "time/")
AHEAD: dict[str, Any] = {"mode": "async", "max_staleness": 1, "num_updates": 4, "save_every": 2}
SMALL: dict[str, Any] = {"num_groups": 3, "group_size": 4}


def figures(run: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in entry.items() if not any(clock in key for clock in CLOCKS)}
        for entry in read_log(run)
    ]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(checkpoint.load(checkpoint.latest(run / "checkpoints")).policy).state_dict())


def test_without_staleness_it_is_the_synchronous_run_bit_for_bit(lights: Lights, tmp_path: Path) -> None:
    more = {"sampling": {"steps": [{"name": "dynamic", "max_rounds": 1}]}, "env": {}, "rollout": SMALL}
    runs = []
    for name, asked in (
        ("sync", {"mode": "sync", "max_staleness": 3}),
        ("async", {"mode": "async", "max_staleness": 0}),
    ):
        train(
            lights(train={**asked, "num_updates": 3}, eval={"every": 2, "episodes": 8}, **more),
            tmp_path / name,
        )
        runs.append((figures(tmp_path / name), weights(tmp_path / name)))
    (one, first), (two, second) = runs
    assert one == two and all(torch.equal(first[name], second[name]) for name in first)
    stored = [
        read_trajectories(tmp_path / name / "trajectories/update-000003.jsonl.gz")
        for name in ("sync", "async")
    ]
    assert [replace(each, seconds=0.0) for each in stored[0]] == [
        replace(each, seconds=0.0) for each in stored[1]
    ]


def test_a_run_ahead_learns_each_group_once_also_across_a_resume(lights: Lights, tmp_path: Path) -> None:
    asked: dict[str, Any] = {
        "loss": {"off_policy": "truncate"}, "rollout": SMALL, "log": {"trajectories": "all"},
        "eval": {"every": 0, "episodes": 4},
    }  # fmt: skip
    run = tmp_path / "run"
    ahead = {**AHEAD, "most_slots": 160}
    train(lights(train={**ahead, "num_updates": 2}, **asked), run)
    assert (checkpoint.latest(run / "checkpoints") / "in_flight.json").is_file()
    train(lights(train={**ahead, "num_updates": 4}, **asked), run, resume=True)
    updates = [entry for entry in read_log(run) if entry["kind"] == "update"]
    assert [entry["update"] for entry in updates] == [1, 2, 3, 4]
    assert [entry["stream/replayed"] for entry in updates] == [0, 0, SMALL["num_groups"], 0]
    assert all(entry["stream/in_flight"] == 2 * SMALL["num_groups"] for entry in updates)
    for entry in updates:
        shares = entry["staleness/0"] + entry["staleness/1"] + entry["staleness/masked"]
        assert shares == pytest.approx(1.0) and 0.5 < entry["off_policy/uncut"] < 2.0
        assert entry["off_policy/square"] >= entry["off_policy/uncut"] ** 2
        assert 4 <= entry["stream/slots"] <= 160
        assert entry["sync/worst_nats"] <= 1e-4
    files = sorted((run / "trajectories").glob("*.gz"))
    groups = Counter(name for file in files for name in {each.group for each in read_trajectories(file)})
    assert len(groups) == 4 * SMALL["num_groups"] and set(groups.values()) == {1}


def test_keys_and_values_of_older_weights_are_caught(
    lights: Lights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlotTable, "invalidate", lambda self: None)
    with pytest.raises(TrainingError, match=r"sync of version 1: .* goes on from keys and values of older"):
        train(lights(train=AHEAD, rollout=SMALL, eval={"episodes": 0}), tmp_path / "run")


@pytest.mark.parametrize("fault", ["label", "weights"])
def test_weights_that_do_not_come_and_a_wrong_label_are_caught(
    lights: Lights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    update = TinyPolicy.update_weights

    def planted(self: TinyPolicy, state: Any, version: int) -> None:
        if fault == "label":
            update(self, state, max(0, version - 1))  # the new ones, under the name of the old
        elif version:
            self.version = version  # the old ones, under the name of the new
            self._own.clear()
        else:
            update(self, state, version)

    monkeypatch.setattr(TinyPolicy, "update_weights", planted)
    told = {"label": r"version 1: .* bear version \[0\]", "weights": "version 1: .* logprobs differ"}[fault]
    with pytest.raises(TrainingError, match=told):
        train(lights(train=AHEAD, rollout=SMALL, eval={"episodes": 0}), tmp_path / "run")


def test_what_cannot_be_learned_from_ahead_is_refused(lights: Lights, tmp_path: Path) -> None:
    replay = lights(
        train=AHEAD,
        env={"num_tasks": 4},
        loss={"off_policy": "mask"},
        sampling={"steps": [{"name": "replay"}]},
    )
    with pytest.raises(UsageError, match=r"'async' with train.max_staleness = 1: sampling 'replay'"):
        train(replay, tmp_path / "run")
    same = lights(train=AHEAD, loss={"off_policy": "mask"}, optim={"old_logprobs": "behaviour"})
    with pytest.raises(UsageError, match=r"loss.off_policy = 'mask' .* set it to 'recompute'"):
        train(same, tmp_path / "run")
    for asked in ({"mode": "sync", "most_slots": 256}, {**AHEAD, "most_slots": 16}):
        with pytest.raises(UsageError, match=r"train.most_slots = .* rollout.slots = 128: expected more"):
            train(lights(train=asked), tmp_path / "run")
    stored = lights(train=AHEAD, offline={"trajectories": [str(tmp_path)]})
    with pytest.raises(UsageError, match="nothing is played where episodes are stored"):
        train(stored, tmp_path / "run")


def episode(member: int, versions: tuple[int, ...], reward: float) -> Trajectory:
    """Return one turn of three tokens, each sampled by a version."""
    spans = tuple(VersionSpan(version, place, place + 1) for place, version in enumerate(versions))
    said = Generation("abc", (1, 2), (3, 4, 5), (-1.0, -2.0, -3.0), versions=spans)
    turn = Turn(0, "o", "s", "a", reward, "n", said)
    return Trajectory("room", "t", 0, "g", (turn,), "terminated", member=member)


def test_tokens_that_are_too_old_are_no_targets_and_their_episode_stays_in_the_baseline(
    lights: Lights,
) -> None:
    """Of 6 tokens those of versions 2 and 3 learn at update 4 under a staleness of 2."""
    group = [episode(0, (1, 2, 3), 1.0), episode(1, (0, 1, 1), 0.0)]
    batch = pack(group, lag=Lag.at(4, 2))
    assert batch.token_N.tolist() == [4, 5] and batch.behaviour_N.tolist() == [-2.0, -3.0]
    assert batch.row_N.tolist() == [0, 0] and batch.offset_N.tolist() == [1, 2]
    assert batch.stale_N.tolist() == [True, True] and batch.num_rows == 2  # the learner is at 4
    assert pack(group).stale_N.tolist() == [True, True, False, True, True, True]  # the newest there is: 3
    recipe = lights(credit={"name": "grpo", "epsilon": 0.0})
    assigner = Assigner.of(recipe.reward, recipe.credit, recipe.advantage, recipe.weights, recipe.plan)
    found = assigner.assign(group, assigner.pack(group, Lag.at(4, 2)), {}, None)
    np.testing.assert_allclose(found.advantage_N, [1.0, 1.0] / np.sqrt(2.0))  # (1 - 1/2) / std of (1, 0)
    assert Lag.at(4, 0) is None


def test_staleness_is_told_by_tokens() -> None:
    group = [episode(0, (1, 2, 3), 1.0), episode(1, (4, 4, 4), 0.0)]
    found = staleness(group, 4, 2)
    assert found == {
        "staleness": 1.0, "staleness/0": 0.5, "staleness/1": pytest.approx(1 / 6),
        "staleness/2": pytest.approx(1 / 6), "staleness/masked": pytest.approx(1 / 6),
    }  # fmt: skip
    assert staleness(group, 4) == {"staleness": 1.0}
