"""How far the policy has moved since a task's last episode, and what a run keeps of it.

1. The column drift by hand: the mean |log-ratio| of the tokens of the last episode, 0 for a new task.
2. What is kept is small, one episode a task, and comes back from a checkpoint.
3. A run of single_stream, resumed, equals the uninterrupted one, with drifts that are not 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import turnwise.credit as credit
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import CheckpointError
from turnwise.trainers.learner.credit_memory import CreditMemory
from turnwise.trainers.learner.sequences import PackedBatch
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.runs.remembered import Remembered
from turnwise.trainers.train import train


def episode(task: int, logprobs: list[list[float]], env_id: str = "w") -> Trajectory:
    turns = tuple(
        Turn(
            place,
            "a long text",
            "s",
            "a",
            0.0,
            "s",
            Generation("a", (1, 2 + place), tuple(range(3, 3 + len(given))), tuple(given)),
            info={"admissible": ["a"]},
        )
        for place, given in enumerate(logprobs)
    )
    return Trajectory(env_id, "", task, "g", turns, "terminated")


def halved(batch: PackedBatch) -> np.ndarray:
    """Return half of what sampled, as the present policy's logprobs."""
    return batch.behaviour_N / 2


def test_drift_by_hand() -> None:
    new = [episode(5, [[-0.4], [-0.8, -0.6]]), episode(6, [[-1.0]]), episode(5, [[-2.0]], "v")]
    memory = CreditMemory().after(credit.single_stream, {"tasks": [], "values": []}, new)
    asked = [episode(6, [[-9.0]]), episode(5, [[-9.0], [-9.0]]), episode(7, [[-9.0]])]
    # task 6: 0.5; task 5 of w: (0.2 + 0.4 + 0.3) / 3 on each of two turns; task 7 is new
    found = memory.columns(credit.single_stream, asked, halved)
    assert found["drift"] == pytest.approx([0.5, 0.3, 0.3, 0.0])
    assert CreditMemory().columns(credit.single_stream, asked, halved) == {"drift": [0.0] * 4}
    assert memory.columns(credit.grpo, asked, halved) == {}


def test_what_is_kept_is_small_and_comes_back(tmp_path: Path) -> None:
    memory = CreditMemory().after(
        credit.single_stream, {"tasks": ["a"], "values": [1.0, 2.5]}, [episode(5, [[-0.4]])]
    )
    memory = memory.after(credit.single_stream, memory.state, [episode(4, [[-0.1]]), episode(5, [[-0.7]])])
    assert [task for _, task in memory.last] == [4, 5]
    assert memory.last["w", 5].turns[0].observation == ""
    assert memory.last["w", 5].turns[0].info == {}
    Remembered(credit=memory).save(tmp_path)
    back = Remembered.load(tmp_path).credit
    assert back == memory
    assert Remembered.load(tmp_path / "none") == Remembered()
    (tmp_path / "credit.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"credit\.json: what credit remembers cannot be read"):
        Remembered.load(tmp_path)


def test_a_resumed_stream_equals_the_uninterrupted_one(
    lights: Callable[..., Recipe], lights_file: Path, tmp_path: Path
) -> None:
    def recipe(num_updates: int) -> Recipe:
        return lights(
            env={"id": f"{lights_file}:Lights", "num_tasks": 6},
            rollout={"num_groups": 4, "group_size": 1, "chooser": {"name": "variance"}},
            credit={"name": "single_stream", "outcome": "return"},
            train={"num_updates": num_updates, "save_every": 1, "allow_single": True},
            eval={"episodes": 0},
        )

    straight, parted = tmp_path / "straight", tmp_path / "parted"
    train(recipe(3), straight)
    train(recipe(2), parted)
    train(recipe(3), parted, resume=True)
    files = [checkpoint.latest(run / "checkpoints") / "credit.json" for run in (straight, parted)]
    assert files[0].read_bytes() == files[1].read_bytes()
    names = ("credit/drift", "credit/value", "credit/new", "choosing/uncertainty", "grad_norm")
    one, two = ([[entry[name] for name in names] for entry in read_log(run)] for run in (straight, parted))
    assert one == two
    assert one[0][:3] == [0.0, 0.5, 1.0]
    assert one[2][0] > 0.0, "the policy has moved since the task was last played"
    kept = Remembered.load(files[0].parent).credit
    assert len(kept.last) == len(json.loads(files[0].read_text())["tasks"])
