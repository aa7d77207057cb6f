"""What the mask of a second policy leaves of a vocabulary (NLPO, arXiv 2210.01241).

1. The authors' own classes keep the same tokens (tests/golden); what they make of these is told there.
2. Hand cases: equals, a sum that is exactly top_p, what ends a message, what a tree allows.
3. Something is always left, more with a larger top_p, and nobody's row decides another's.
4. What was drawn under a mask is replayed to 1e-6.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.decoding import SamplingRows, replay, sample
from turnwise.agents.decoding.masking import Hidden, MaskRow, hide
from turnwise.agents.sampling import NO_MASK, Mask, Sampling
from turnwise.errors import UsageError

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "golden" / "nlpo.json").read_text()
)
VOCAB = 8
# Probabilities 1/2, 1/4, 1/8, 1/8 for tokens 2, 0, 1, 3.
HALVES = [math.log(0.25), math.log(0.125), math.log(0.5), math.log(0.125)]


def row(top_p: float = 0.9, least: int = 1, **changes: Any) -> MaskRow:
    return MaskRow(Mask(top_p, least), **{"allowed": None, "ends": (), "temperature": 1.0, **changes})


def one(mask: list[float], asked: MaskRow, own: list[float] | None = None) -> Hidden:
    (found,) = hide(torch.tensor([mask]), torch.tensor([own or mask]), [asked])
    return found


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_the_authors_code_keeps_the_same_tokens(case: dict[str, Any]) -> None:
    """Seven settings of top_mask and min_tokens_to_keep, each on four rows of normal logits, 24 tokens wide.

    Tokens 3 and 17 are special; the token that was drawn is the policy's likeliest of those left. The code
    draws it as often as we do, but takes the logarithm of what is not divided by its sum: it gives the
    token's logprob without the mask, and an entropy that is as much too large.
    """
    asked = row(case["top_mask"], case["min_tokens_to_keep"], ends=case["special"])
    logits = torch.tensor(case["logits"], dtype=torch.float64)
    found = hide(torch.tensor(case["mask_logits"], dtype=torch.float64), logits, [asked] * len(logits))
    supports = [list(range(24)) if each.allowed is None else list(each.allowed) for each in found]
    assert supports == case["allowed"]
    logprobs, entropies = replay(logits, case["tokens"], [tuple(each) for each in supports], 1.0)
    log_left = np.log1p([-each.mass for each in found])
    assert (logprobs.numpy() + log_left).tolist() == pytest.approx(case["logprobs"], abs=1e-8)
    assert (entropies.numpy() - log_left).tolist() == pytest.approx(case["entropies"], abs=1e-8)


def test_of_equals_the_smaller_and_a_sum_that_is_exactly_top_p_lets_one_more_pass() -> None:
    """Four equal tokens: before the third lies exactly 0.5, before the fourth 0.75."""
    assert one([0.0] * 4, row(0.5)).allowed == (0, 1, 2)
    assert one([0.0] * 4, row(0.49)).allowed == (0, 1)
    assert one([0.0] * 4, row(0.0)).allowed == (0,)
    assert one([0.0] * 4, row(0.76)).allowed is None
    assert one([0.0, 1.0, 0.0, 1.0], row(0.0)).allowed == (1,)


def test_the_likeliest_are_kept_and_at_least_so_many() -> None:
    assert one(HALVES, row(0.4)).allowed == (2,)
    assert one(HALVES, row(0.6)).allowed == (0, 2)
    assert one(HALVES, row(0.4, least=3)).allowed == (0, 1, 2)  # of 1 and 3, which are equal, the smaller
    assert one(HALVES, row(0.4, least=4)).allowed is None
    assert one(HALVES, row(0.4, least=9)).allowed is None


def test_what_the_mask_does_is_told_in_numbers() -> None:
    """The policy's likeliest is token 3, with 5/8; the mask leaves tokens 0 and 2, 2/8 of its probability."""
    own = [math.log(each) for each in (0.125, 0.125, 0.125, 0.625)]
    found = one(HALVES, row(0.6), own)
    assert (found.allowed, found.share, found.forbids) == ((0, 2), 0.5, True)
    assert found.mass == pytest.approx(0.75, abs=1e-7)
    # at temperature 1/2 its probabilities are 1, 1, 1, 25 of 28
    assert one(HALVES, row(0.6, temperature=0.5), own).mass == pytest.approx(26 / 28, abs=1e-6)
    free = one(HALVES, row(0.99), own)
    assert free == Hidden(None, 0.0, 0.0, False)


def test_what_ends_a_message_is_never_masked() -> None:
    assert one(HALVES, row(0.4, ends=(1,))).allowed == (1, 2)
    assert one(HALVES, row(0.4, ends=(1,), allowed=(0, 3))).allowed == (0,)  # which the tree does not have
    assert one(HALVES, row(0.4, ends=(1,), allowed=(0, 1, 3))).allowed == (0, 1)


def test_under_a_tree_the_mask_is_that_of_what_it_allows() -> None:
    """Of tokens 0, 1 and 3 the first has half: alone at 0.4, with both others at 0.8."""
    assert one(HALVES, row(0.4, allowed=(0, 1, 3))).allowed == (0,)
    assert one(HALVES, row(0.6, allowed=(0, 1, 3))).allowed == (0, 1)
    asked = row(0.8, allowed=(0, 1, 3))
    assert one(HALVES, asked).allowed == asked.allowed
    assert one([*HALVES[:3], -80.0], row(0.0, allowed=(3,))).allowed == (3,)
    # unlikely as both are, the likelier of them is left, and no third one
    assert one([0.0, -70.0, -60.0, 0.0], row(0.9, allowed=(1, 2))).allowed == (2,)


def test_numbers_out_of_range_are_refused() -> None:
    assert not NO_MASK.is_on and Mask(0.999).is_on
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"top_p": 1.5}, "mask.top_p 1.5: expected a number from 0 to 1"),
        ({"top_p": float("nan")}, "mask.top_p nan"),
        ({"least": 0}, "mask.least 0"),
        ({"every": -1}, "mask.every -1"),
    )
    for changes, reason in wrong:
        with pytest.raises(UsageError, match=reason):
            Mask(**changes)


LOGITS = st.lists(st.floats(-9, 9, width=32).map(lambda x: round(x, 1)), min_size=VOCAB, max_size=VOCAB)
ALLOWED = st.none() | st.sets(st.integers(0, VOCAB - 1), min_size=1).map(lambda found: tuple(sorted(found)))
ROWS = st.tuples(LOGITS, LOGITS, st.floats(0, 1), st.integers(1, VOCAB), ALLOWED)


def asked_of(drawn: Any) -> MaskRow:
    return row(drawn[2], drawn[3], allowed=drawn[4], ends=(5,), temperature=0.7)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_something_is_left_and_rows_are_apart(drawn: list[Any]) -> None:
    rows = [asked_of(each) for each in drawn]
    found = hide(torch.tensor([each[0] for each in drawn]), torch.tensor([each[1] for each in drawn]), rows)
    for each, asked, hidden in zip(drawn, rows, found, strict=True):
        candidates = list(range(VOCAB)) if asked.allowed is None else list(asked.allowed)
        left = candidates if hidden.allowed is None else list(hidden.allowed)
        best = max(candidates, key=lambda token: (each[0][token], -token))
        assert best in left and left == sorted(set(left) & set(candidates))
        assert len(left) >= min(asked.mask.least, len(candidates))
        assert (5 in candidates) == (5 in left)
        assert hidden.share == 1 - len(left) / len(candidates)
        own = torch.tensor(each[1], dtype=torch.float64)[candidates].div(0.7).softmax(0).tolist()
        gone = sum(chance for token, chance in zip(candidates, own, strict=True) if token not in left)
        assert hidden.mass == pytest.approx(gone, abs=1e-6)
        assert hidden.forbids == (candidates[int(np.argmax(own))] not in left)
        alone = one(each[0], asked, each[1])
        assert alone.allowed == hidden.allowed and alone.mass == pytest.approx(hidden.mass, abs=1e-12)


@given(ROWS, st.floats(0, 1), st.integers(1, VOCAB))
def test_a_larger_top_p_and_a_larger_least_leave_more(drawn: Any, top_p: float, least: int) -> None:
    def left(asked: MaskRow) -> set[int]:
        found = one(drawn[0], asked, drawn[1]).allowed
        return set(range(VOCAB) if found is None else found)

    asked = asked_of(drawn)
    less = replace(asked, mask=Mask(min(top_p, asked.mask.top_p), min(least, asked.mask.least)))
    assert left(less) <= left(asked)


@given(st.lists(ROWS, min_size=1, max_size=4), st.integers(0, 2**32))
def test_what_is_drawn_under_a_mask_is_replayed(drawn: list[Any], seed: int) -> None:
    """With top-p and a temperature behind the mask: both look at what it leaves alone."""
    rows, own = [asked_of(each) for each in drawn], torch.tensor([each[1] for each in drawn])
    found = hide(torch.tensor([each[0] for each in drawn]), own, rows)
    uniform = np.random.default_rng(seed).random(len(rows))
    said = sample(
        own, SamplingRows([Sampling(0.7, 0.9)] * len(rows), uniform, [each.allowed for each in found])
    )
    logprobs, entropies = replay(own, said.tokens, said.supports, 0.7)
    assert logprobs.tolist() == pytest.approx(said.logprobs, abs=1e-6)
    assert entropies.tolist() == pytest.approx(said.entropies, abs=1e-6)
    for token, hidden in zip(said.tokens, found, strict=True):
        assert hidden.allowed is None or token in hidden.allowed
