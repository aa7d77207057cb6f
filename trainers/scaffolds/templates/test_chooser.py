"""The chooser draws what it should, and the same again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from turnwise.trainers.rollouts.choosers import Asked, get
from turnwise.trainers.rollouts.choosers.memory import TaskMemory
from turnwise.trainers.user_files import import_parts

import_parts([str(Path(__file__).with_name("example.py"))])


def asked(won: list[int]) -> Asked:
    """Ask for two groups of four among tasks that were played four times each, and won so often."""
    played = np.full(len(won), 4)
    memory = replace(TaskMemory.new(len(won)), episodes=played, told=played, won=np.array(won))
    taken = np.zeros(len(won), dtype=bool)
    return Asked(2, 4, 2, memory, taken, update=1, rng=np.random.default_rng(0))


def test_tasks_of_an_uncertain_outcome_come_first() -> None:
    """Without exploring, a task that is always won or lost comes only if nothing else is left."""
    chosen = get("example")(asked([0, 2, 4, 1]), explore=0.0)
    assert sorted(chosen.tasks.tolist()) == [1, 3]


def test_equal_seeds_choose_equally() -> None:
    """What is drawn depends on the seed of the run alone."""
    one, other = (get("example")(asked([1, 2, 3, 1, 2])) for _ in range(2))
    np.testing.assert_array_equal(one.tasks, other.tasks)
