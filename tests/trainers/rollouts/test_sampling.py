"""Task seeds: a function of seed and update, disjoint from those of evaluation."""

from __future__ import annotations

import pytest

from turnwise.errors import UsageError
from turnwise.trainers.rollouts.tasks import HELD_OUT, TaskSampler, held_out_seed


def test_the_same_update_draws_the_same_tasks() -> None:
    one, two = TaskSampler(3, 16), TaskSampler(3, 16)
    assert one.seeds(7) == two.seeds(7)
    assert one.seeds(7) != one.seeds(8)
    assert one.seeds(7) != TaskSampler(4, 16).seeds(7)


def test_training_never_draws_an_evaluation_task() -> None:
    drawn = {seed for update in range(50) for seed in TaskSampler(0, 64).seeds(update)}
    assert max(drawn) < HELD_OUT <= held_out_seed(0) < held_out_seed(1)


def test_finite_tasks_are_visited_once_an_epoch() -> None:
    sampler = TaskSampler(seed=1, num_groups=4, num_tasks=10)
    visited = [seed for update in range(5) for seed in sampler.seeds(update)]
    assert sorted(visited[:10]) == sorted(visited[10:]) == list(range(10))
    assert visited[:10] != visited[10:]


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="num_groups"):
        TaskSampler(0, 0)
    with pytest.raises(UsageError, match="num_tasks"):
        TaskSampler(0, 1, num_tasks=-1)
