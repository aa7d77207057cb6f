"""What a run draws from its seed: each stream for one thing, and no task that was demonstrated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from turnwise import streams
from turnwise.streams import Stream
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.rollouts.tasks import TaskSampler
from turnwise.trainers.train import train
from turnwise.trainers.warmstart.warmstart import play_demonstrations

Key = tuple[int, Stream, tuple[int, ...]]
ONCE = {
    "TASKS", "REFILLS", "WORLDS", "SAMPLERS", "MINIBATCHES", "VALUE_BATCHES", "VALUE_WEIGHTS",
    "POLICY_WEIGHTS", "LEARNER", "DEMONSTRATIONS", "DEMONSTRATED_WORLDS", "TEACHER", "CLONING", "COPYING",
}  # fmt: skip


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """Return the keys of all streams that are opened from here on."""
    keys: list[Key] = []
    digest = streams._digest

    def noted(seed: int, stream: Stream, numbers: tuple[int, ...]) -> bytes:
        keys.append((seed, stream, numbers))
        return digest(seed, stream, numbers)

    monkeypatch.setattr(streams, "_digest", noted)
    return keys


def test_a_run_opens_every_stream_once(
    taught: Callable[..., Recipe], tmp_path: Path, opened: list[Key]
) -> None:
    recipe = taught(
        warmstart={"episodes": 12, "max_steps": 4, "copy_steps": 2, "batch_size": 4},
        prompt={"style": "plan"},
        rollout={"num_groups": 2, "group_size": 2, "max_tokens": 40},
        credit={"name": "hae"},
        weights={"name": "spans"},
        sampling={"steps": [{"name": "dynamic", "max_rounds": 2}, {"name": "variance", "share": 0.5}]},
        optim={"num_epochs": 2, "num_minibatches": 2},
        train={"num_updates": 3},
        eval={"every": 3, "episodes": 2},
    )
    train(recipe, tmp_path / "run")
    twice = {key: times for key, times in Counter(opened).items() if times > 1}
    assert twice == {}
    assert {stream.name for _, stream, _ in opened} == ONCE
    fits = {numbers for _, stream, numbers in opened if stream is Stream.VALUE_BATCHES}
    assert len(fits) == 9, "three heads, three updates"


def test_no_update_trains_on_the_tasks_of_the_demonstrations(taught: Callable[..., Recipe]) -> None:
    recipe = taught(warmstart={"episodes": 40})
    played = play_demonstrations(recipe.env, recipe.warmstart, "plain", 4, recipe.train.seed, lambda *_: None)
    tasks = TaskSampler(recipe.train.seed, 40, recipe.env.num_tasks)
    trained = {seed for update in range(20) for seed in tasks.seeds(update)}
    assert len(played) == 40
    assert not trained & {each.task_seed for each in played}


def test_no_refill_plays_the_tasks_of_an_update() -> None:
    sampler = TaskSampler(0, 8)
    rounds = {(update, 0): tuple(sampler.seeds(update)) for update in range(5)}
    rounds |= {(update, r): tuple(sampler.refill(update, r, 8)) for update in range(5) for r in range(1, 5)}
    assert len(set(rounds.values())) == len(rounds) == 25
