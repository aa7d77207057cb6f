"""How far the policy has moved since a task's last episode, and what a run keeps of it.

1. The column drift by hand: the mean |log-ratio| of the tokens of the last episode, 0 for a new task.
2. What is kept is small, one episode a task, and comes back from a checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import turnwise.credit as credit
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import CheckpointError
from turnwise.trainers.learner.credit_memory import CreditMemory
from turnwise.trainers.learner.sequences import PackedBatch
from turnwise.trainers.runs.remembered import Remembered


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
