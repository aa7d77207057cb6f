"""Horizon schedules by hand."""

from __future__ import annotations

import pytest

from turnwise.errors import UnknownName, UsageError
from turnwise.trainers.parts import Named, Part
from turnwise.trainers.rollouts import horizon
from turnwise.trainers.rollouts.horizon import horizon_at


def test_without_a_schedule_the_horizon_is_whole() -> None:
    assert horizon_at(None, 7, 30) == 30


def schedule(name: str = "", **params: object) -> Named[int]:
    return horizon.bind(Part(name, params))


def test_stages() -> None:
    part = schedule(name="stages", turns=[5, 8, 10], updates=[2, 4])
    assert [horizon_at(part, update, 9) for update in range(6)] == [5, 5, 8, 8, 9, 9]


def test_growing() -> None:
    adding = schedule(name="growing", start=4, every=2, add=3)
    assert [horizon_at(adding, update, 50) for update in (0, 1, 2, 3, 4, 200)] == [4, 4, 7, 7, 10, 50]
    doubling = schedule(name="growing", start=3, every=1, times=2.0)
    assert [horizon_at(doubling, update, 20) for update in range(4)] == [3, 6, 12, 20]
    assert horizon_at(doubling, 10**9, 20) == 20


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"name": "stage"}, "did you mean 'stages'"),
        ({"turns": [1]}, "has no name"),
        ({"name": "stages"}, "needs turns"),
        ({"name": "stages", "turns": [1, 2], "updates": []}, "one turn number more"),
        ({"name": "stages", "turns": [1, 2, 3], "updates": [5, 4]}, "ascending"),
        ({"name": "stages", "turns": [0], "updates": []}, "gives 0 turns"),
        ({"name": "growing", "times": 0.5}, "times 0.5"),
        ({"name": "growing", "begin": 5}, "unknown parameter"),
    ],
)
def test_wrong_schedules_are_refused(part: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        horizon_at(schedule(**part), 0, 10)


def test_names() -> None:
    assert {"growing", "stages"} <= set(horizon.names())
    with pytest.raises(UnknownName):
        horizon.get("linear")
