"""Streams of random numbers: no two alike, the same ones on every machine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from turnwise.errors import UsageError
from turnwise.streams import Stream, mixed_seed, rng, torch_seed

NUMBERS = [numbers for size in range(4) for numbers in itertools.product((0, 1, 2, 1 << 32), repeat=size)]


def first(generator: np.random.Generator) -> int:
    return int(generator.integers(1 << 62))


def test_no_two_streams_seeds_or_numbers_draw_alike() -> None:
    drawn = [first(rng(seed, stream, *n)) for seed in (0, 1, 1 << 32) for stream in Stream for n in NUMBERS]
    assert len(set(drawn)) == len(drawn) == 3 * len(Stream) * len(NUMBERS)


def test_torch_seeds_differ_as_well() -> None:
    seeds = [torch_seed(seed, stream, *n) for seed in (0, 1) for stream in Stream for n in NUMBERS]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 0 and max(seeds) < 1 << 63


def test_numbers_as_they_are_would_collide() -> None:
    """This is why keys are digests; should numpy mend it, nothing is lost."""
    assert first(np.random.default_rng([1, 2])) == first(np.random.default_rng([1, 2, 0]))
    assert first(rng(1, Stream.TASKS, 2)) != first(rng(1, Stream.TASKS, 2, 0))


def test_numbers_are_the_same_on_every_machine() -> None:
    assert first(rng(0, Stream.TASKS, 1)) == 2123235699008921007
    assert first(rng(np.int64(0), Stream.TASKS, np.int32(1))) == 2123235699008921007
    assert mixed_seed(3, 1) == 672129501


@pytest.mark.parametrize("number", [1.0, "1", True, None])
def test_what_is_no_whole_number_is_refused(number: object) -> None:
    with pytest.raises(UsageError, match=r"stream TASKS: .* is no whole number"):
        rng(0, Stream.TASKS, number)  # type: ignore[arg-type]
