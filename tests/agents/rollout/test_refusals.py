"""What an environment refuses is not played again, said in one line, and the end where it is all there is."""

from __future__ import annotations

import logging

import pytest

from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.envs.registry import load_class
from turnwise.errors import UsageError


def tasks(room, seeds, **kwargs):
    return [TaskItem(room("Closed"), kwargs, seed) for seed in seeds]


@pytest.fixture
def asked(room):
    """Return the seeds that the environment is asked to begin, in order."""
    seeds = load_class(room("Closed")).asked
    seeds.clear()
    return seeds


@pytest.mark.parametrize("image", [False, True])
@pytest.mark.parametrize(
    ("num", "said"),
    [
        (1, r"Closed: no map of room 0 \(seed 0\)$"),
        (2, r"no map of room 1 \(seed 1\); none of the first 2 tasks"),
        (30, r"no map of room 3 \(seed 3\); none of the first 4 tasks could be begun$"),
    ],
)
def test_where_none_of_the_first_tasks_can_begin_that_is_the_end(
    play, room, letters, num, said, image, asked, caplog
):
    with caplog.at_level(logging.INFO), pytest.raises(UsageError, match=said) as caught:
        play(letters(), tasks(room, range(num), below=9, image=image), RolloutConfig(slots=1))
    assert "\n" not in str(caught.value)
    assert len(asked) == min(num, 4)  # none of them twice
    assert caplog.messages == []


def test_one_that_is_refused_in_between_costs_its_episode_alone_and_is_asked_once(play, room, letters, asked):
    given = tasks(room, [7, 0, 8, 1, 9], below=3)
    for slots in (1, 5):
        asked.clear()
        result, _ = play(letters(), given, RolloutConfig(slots=slots))
        assert [one.error is None for one in result.trajectories] == [True, False, True, False, True]
        assert "no map" in (result.trajectories[1].error or "") and result.stats.retries == 0
        assert sorted(asked) == [0, 1, 7, 8, 9]


def test_a_group_of_one_refused_task_is_no_end_of_the_others(play, room, letters):
    group = [TaskItem(room("Closed"), {"below": 1}, 0, member=member) for member in range(6)]
    result, _ = play(letters(), [*group, *tasks(room, [5], below=1)], RolloutConfig(slots=1))
    assert [one.error is None for one in result.trajectories] == [False] * 6 + [True]
