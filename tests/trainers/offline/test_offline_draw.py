"""Which stored episodes each update learns from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.errors import TrainingError
from turnwise.trainers.offline.draw import Draw, kept_of
from turnwise.trainers.offline.store import Index
from turnwise.trainers.sections import OfflineSection


def index(groups: list[int], returns: list[float] | None = None, won: list[int] | None = None) -> Index:
    num = len(groups)
    return Index(
        np.arange(num) * 10,
        np.array(returns or [0.0] * num),
        np.array(won or [-1] * num, dtype=np.int8),
        np.array(groups),
    )


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(st.integers(0, 6), min_size=1, max_size=40),
    size=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_every_epoch_has_every_episode_once_and_groups_stay_together(
    groups: list[int], size: int, seed: int
) -> None:
    found = index(groups)
    draw = Draw(found, np.arange(len(groups)), size, seed)
    asked, epochs = 0, []
    while len(epochs) < 2:
        seen: list[int] = []
        while len(seen) < len(groups):
            numbers, epoch = draw.batch(asked)
            assert epoch == len(epochs)
            for group in set(
                found.group_E[numbers].tolist()
            ):  # whole, or a piece of what is larger than a batch
                mine = int(np.sum(found.group_E[numbers] == group))
                whole = groups.count(group)
                assert mine == whole or (whole > size and mine >= min(size, whole % size or size))
            seen += numbers.tolist()
            asked += 1
        assert sorted(seen) == list(range(len(groups)))
        epochs.append(seen)
    # a run that goes on in the middle is given the same
    later = Draw(found, np.arange(len(groups)), size, seed)
    for update in (asked - 1, 0, asked // 2):
        np.testing.assert_array_equal(later.batch(update)[0], draw.batch(update)[0])


def test_another_epoch_and_another_seed_have_another_order() -> None:
    found, all_of_them = index(list(range(30))), np.arange(30)
    orders = [
        Draw(found, all_of_them, 30, seed).batch(update)[0].tolist() for seed in (0, 1) for update in (0, 1)
    ]
    assert len({tuple(order) for order in orders}) == 4


def test_what_is_kept() -> None:
    found = index([0, 1, 2, 3], returns=[1.0, 3.0, 2.0, 3.0], won=[0, 1, -1, 1])
    assert kept_of(found, OfflineSection()).tolist() == [0, 1, 2, 3]
    assert kept_of(found, OfflineSection(keep="won")).tolist() == [1, 3]
    assert kept_of(found, OfflineSection(keep="best", best_share=0.25)).tolist() == [1]
    assert kept_of(found, OfflineSection(keep="best", best_share=0.75)).tolist() == [1, 2, 3]
    with pytest.raises(TrainingError, match=r"none of 2 episodes was won, of 1 nobody says"):
        kept_of(index([0, 1], won=[0, -1]), OfflineSection(keep="won"))
