"""The cache that grows in place holds what the library's own holds, whatever comes and whoever leaves."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.cache_utils import DynamicLayer

from turnwise.agents.models.growing import GrowingLayer, growing_cache

APPENDED = st.integers(1, 40)
LEFT = st.sets(st.integers(0, 4), min_size=1)  # which of five rows stay


@given(st.lists(APPENDED | LEFT, min_size=1, max_size=8), st.integers(0, 2**31))
def test_it_holds_what_a_dynamic_layer_holds(steps: list[int | set[int]], seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    ours, theirs, rows = GrowingLayer(), DynamicLayer(), 5
    for step in steps:
        if isinstance(step, set):
            staying = torch.tensor(sorted(row for row in step if row < rows) or [0])
            rows = len(staying) if theirs.get_seq_length() else rows
            ours.batch_select_indices(staying)
            theirs.batch_select_indices(staying)
        else:
            keys = torch.randn(rows, 2, step, 3, generator=random)
            values = torch.randn(rows, 2, step, 4, generator=random)
            for mine, other in zip(ours.update(keys, values), theirs.update(keys, values), strict=True):
                assert torch.equal(mine, other)
        assert ours.get_seq_length() == theirs.get_seq_length()
        if theirs.get_seq_length():
            assert torch.equal(ours.keys, theirs.keys) and torch.equal(ours.values, theirs.values)


def test_a_token_is_written_where_there_is_room() -> None:
    cache = growing_cache()
    one = torch.ones(2, 1, 1, 4)
    places = [cache.update(one, one, 0)[0].data_ptr() for _ in range(100)]
    assert 3 <= len(set(places)) <= 5  # moved once in so many tokens, not with each
    held = cache.layers[0].keys
    assert held is not None and held.shape[2] == 100 and held.untyped_storage().nbytes() <= 140 * 2 * 4 * 4
