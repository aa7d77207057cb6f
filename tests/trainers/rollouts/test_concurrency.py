"""Slots climb to where throughput is highest, inside their bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from turnwise.trainers.rollouts.concurrency import Concurrency


def climbed(throughput: Callable[[int], float], start: int, most: int, least: int = 4) -> list[int]:
    climber, slots = Concurrency(start, most, least), [start]
    for _ in range(60):
        slots.append(climber.after(throughput(slots[-1])))
    return slots


@pytest.mark.parametrize("start", [4, 16, 128])
def test_it_ends_near_the_best_from_either_side(start: int) -> None:
    """An engine that gains up to 40 at once, and thrashes beyond."""
    slots = climbed(lambda n: min(n, 40) - max(0, n - 40) / 2, start, 256)
    assert all(20 <= each <= 64 for each in slots[-20:])


def test_it_keeps_to_its_bounds() -> None:
    assert max(climbed(float, 16, 100)) == 100
    falls = climbed(lambda n: 1.0 / n, 16, 100, least=8)
    assert min(falls) == 8 and max(falls[10:]) <= 12


def test_where_more_brings_nothing_it_stays_low() -> None:
    slots = climbed(lambda n: 10.0, 64, 256, least=8)
    assert max(slots[20:]) <= 20


def test_by_hand() -> None:
    climber = Concurrency(8, 100)
    assert [climber.after(rate) for rate in (10.0, 12.0, 11.0, 12.0, 12.1)] == [11, 14, 11, 8, 6]
    lowest = Concurrency(8, 100, least=8)  # where it can shrink no more it tries to grow again
    assert [lowest.after(rate) for rate in (10.0, 5.0, 5.0)] == [11, 8, 11]
