"""Down-sampling by hand and against all subsets: which rollouts are learned from."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampled_groups import apply, candidates, episode, group

from turnwise.errors import UsageError
from turnwise.trainers.rollouts.samplers import Candidates
from turnwise.trainers.rollouts.samplers.d3s import widest
from turnwise.trainers.sections import TrainSection


def learned(found: Candidates) -> list[list[bool]]:
    return [[trajectory.learned for trajectory in one] for one in found.groups]


def test_of_a_group_the_lowest_and_the_highest_are_learned_from() -> None:
    # of four: {0, 0, 1, 1} varies by 1/4; three of a kind and one other by 3/16
    one = candidates(group(0, 0, 1, 0, 0, 1))
    assert learned(apply("d3s", one, share=(4 / 6, 1.0), across=(1.0, 1.0))) == [
        [True, True, True, False, False, True]
    ]
    assert learned(apply("d3s", one, share=(0.1, 1.0), across=(1.0, 1.0))) == [
        [True, False, False, False, False, True]
    ]


def test_among_groups_those_that_are_certain_give_way() -> None:
    # standardised with ddof 1: won 0, lost 0; mixed 0.7071, -0.7071; rare 1.5, -0.5, -0.5, -0.5
    batch = candidates(group(1, 1), group(0, 1), group(1, 0, 0, 0), group(0, 0))
    found = apply("d3s", batch, share=(1.0, 1.0), across=(0.3, 1.0))  # three of ten
    # {-0.7071, -0.5, 1.5} varies by 0.99, {-0.7071, 0.7071, 1.5} by 0.83
    assert learned(found) == [[False, False], [True, False], [True, True, False, False], [False, False]]
    kept = np.array([-np.sqrt(0.5), -0.5, 1.5])
    assert found.figures["sampling/learned"] == 0.3
    assert found.figures["sampling/useful"] == 1.0
    assert found.figures["sampling/variance"] == pytest.approx(kept.var(), rel=1e-5)


def test_it_is_annealed_and_leaves_failures_of_the_machine_out() -> None:
    batch = candidates(group(0, 0, 1, 1))
    for progress, num in ((0.0, 2), (0.5, 3), (1.0, 4)):
        found = apply("d3s", replace(batch, progress=progress), share=(0.5, 1.0), across=(1.0, 1.0))
        assert sum(learned(found)[0]) == num
    broken = (episode(0.0), episode(5.0, end="error", success=None, member=1), episode(1.0, member=2))
    assert learned(apply("d3s", candidates(broken), share=(1.0, 1.0), across=(1.0, 1.0))) == [
        [True, False, True]
    ]
    assert TrainSection(num_updates=5).progress(0) == 0.0
    assert TrainSection(num_updates=5).progress(2) == 0.5
    assert TrainSection(num_updates=5).progress(4) == TrainSection(num_updates=1).progress(3) == 1.0


def test_shares_out_of_range_are_refused() -> None:
    for share in ((0.0, 1.0), (0.5, 1.1), (0.5,)):
        with pytest.raises(UsageError, match="sampler d3s: share"):
            apply("d3s", candidates(group(0, 1)), share=share)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=8), st.data())
def test_no_subset_varies_more(values: list[int], data: st.DataObject) -> None:
    num = data.draw(st.integers(1, len(values)))
    values_K = np.array(values, dtype=np.float64)
    chosen = widest(values_K, num)
    best = max(np.var(values_K[list(places)]) for places in combinations(range(len(values)), num))
    assert len(set(chosen.tolist())) == num
    assert np.var(values_K[chosen]) == pytest.approx(best)
    # order, shift and scale do not matter: the same values are chosen
    moved = widest(values_K[::-1] * 2.0 + 5.0, num)
    assert np.var(values_K[::-1][moved]) == pytest.approx(best)
