"""Similarity groups equal a greedy loop over difflib, whatever the texts; bounds only save time."""

from __future__ import annotations

import random
import string
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.credit import TurnTable, gigpo
from turnwise.errors import TableError, UsageError
from turnwise.trainers.credit.states.ceilings import Ceilings
from turnwise.trainers.credit.states.subsequence import Subsequences
from turnwise.trainers.credit.table.columns import factorise


def groups(texts: list[Any], threshold: float, autojunk: bool = True) -> list[int]:
    batch = TurnTable.from_columns(
        group=["g"] * len(texts),
        trajectory=list(range(len(texts))),
        reward=[0.0] * len(texts),
        state_key=texts,
    )
    result = gigpo(batch, similarity=threshold, autojunk=autojunk)
    return [int(group) for group in result.parts["step_group"]]


def by_definition(texts: list[str], threshold: float, autojunk: bool = True) -> list[int]:
    firsts: list[str] = []
    places = []
    for text in texts:
        for place, first in enumerate(firsts):
            if SequenceMatcher(None, text, first, autojunk).ratio() >= threshold:
                places.append(place)
                break
        else:
            places.append(len(firsts))
            firsts.append(text)
    return places


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="aabc ", max_size=12), min_size=1, max_size=12),
    st.sampled_from([0.3, 0.5, 2 / 3, 0.8, 1.0]),
)
def test_short_texts(texts: list[str], threshold: float) -> None:
    assert groups(texts, threshold) == by_definition(texts, threshold)


@pytest.mark.parametrize("length", [199, 200, 2000])
@pytest.mark.parametrize("autojunk", [True, False])
def test_long_texts_on_both_sides_of_the_heuristic(length: int, autojunk: bool) -> None:
    draw = random.Random(length)
    base = [draw.choice("abcdefgh ") for _ in range(length)]
    texts = []
    for _ in range(4 if length == 2000 else 14):
        text = base.copy()
        for _ in range(draw.randint(0, length // 4)):
            text[draw.randrange(length)] = draw.choice("abcdefgh ")
        texts.append("".join(text))
    thresholds = [0.8, 0.85] if length == 2000 else [0.7, 0.8, 0.85, 0.95]
    for threshold in thresholds:
        assert groups(texts, threshold, autojunk) == by_definition(texts, threshold, autojunk)


def test_the_heuristic_makes_a_difference() -> None:
    # from 200 characters on difflib ignores popular characters, so nothing seeds a match of these
    one, other = "ab" * 100, "ba" * 100
    assert groups([one, other], 0.9, autojunk=False) == [0, 0]
    assert groups([one, other], 0.9, autojunk=True) == [0, 1]
    assert groups([one[:-2], other[:-2]], 0.9, autojunk=True) == [0, 0]


def test_many_random_texts() -> None:
    draw = random.Random(1)
    texts = ["".join(draw.choice(string.ascii_lowercase) for _ in range(60)) for _ in range(120)]
    assert groups(texts, 0.4) == by_definition(texts, 0.4)  # low enough for the joint integer


@pytest.mark.parametrize("threshold", [0.75, 0.8, 0.9])
def test_random_texts_and_their_relatives(threshold: float) -> None:
    draw = random.Random(2)
    letters = string.ascii_lowercase + " "
    texts = ["".join(draw.choice(letters) for _ in range(180)) for _ in range(8)]
    for changes in (10, 20, 30, 40, 60, 80):
        text = list(draw.choice(texts[:8]))
        for _ in range(changes):
            text[draw.randrange(len(text))] = draw.choice(letters)
        texts.append("".join(text))
    expected = by_definition(texts, threshold)
    assert 8 < len(set(expected)) < len(texts)
    assert groups(texts, threshold) == expected


def test_unusual_characters_and_empty_texts() -> None:
    texts = ["", "", "\U0001f600abc", "\U0001f600abd", "".join(map(chr, range(400, 1400))), "x"]
    assert groups(texts, 0.7) == by_definition(texts, 0.7)


def test_groups_stay_inside_their_prompt_group() -> None:
    batch = TurnTable.from_columns(
        group=["g", "h", "g"],
        trajectory=[0, 0, 1],
        reward=[0.0, 0.0, 1.0],
        state_key=["abcd", "abcd", "abce"],
    )
    assert gigpo(batch, similarity=0.7).parts["step_group"].tolist() == [0, 1, 0]


def test_bad_settings_are_refused() -> None:
    with pytest.raises(UsageError, match=r"similarity=1\.5: expected a ratio above 0"):
        groups(["a", "b"], 1.5)
    with pytest.raises(TableError, match=r"state_key of trajectory 1, turn 0 \(row 1\) is int"):
        groups(["a", 3], 0.5)


def longest_common(one: str, two: str) -> int:
    row = [0] * (len(two) + 1)
    for character in one:
        before = 0
        for place, against in enumerate(two, start=1):
            before, row[place] = (
                row[place],
                before + 1 if character == against else max(row[place], row[place - 1]),
            )
    return row[-1]


@given(
    st.lists(st.text(alphabet="abc", max_size=20), min_size=1, max_size=6),
    st.text(alphabet="abc", max_size=20),
)
def test_common_subsequences(texts: list[str], other: str) -> None:
    held = Subsequences()
    for text in texts:
        held.add(text)
    expected = [longest_common(text, other) for text in texts]
    assert held.common(other, np.arange(len(texts))).tolist() == expected
    assert held._all(other).tolist() == expected
    assert factorise(expected)[0].size == len(texts)


def test_ceilings_by_hand() -> None:
    ceilings = Ceilings(["abcdef", "", "aaaa", "abcxef", "fedcba"])
    for place in range(3):
        ceilings.hold(place)
    # of 6 + 6 characters, with the pairs ab, bc, ef: (3 + 12 + 1) // 3; and of 6 + 0, 6 + 4 without any
    assert ceilings.by_characters(3).tolist() == [5, 0, 1]
    assert ceilings.by_pairs(3).tolist() == [5, 2, 3]
    assert ceilings.by_characters(4).tolist() == [6, 0, 1]
    assert ceilings.by_pairs(4).tolist() == [4, 2, 3]


@given(
    st.lists(
        st.one_of(
            st.text(alphabet="ab ", max_size=24),
            st.text(alphabet="".join(map(chr, range(300, 2300))), max_size=12),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_ceilings_are_never_too_low(texts: list[str]) -> None:
    ceilings = Ceilings(texts)
    for place, text in enumerate(texts):
        least = [longest_common(text, before) for before in texts[:place]]
        for bounds in (ceilings.by_characters(place), ceilings.by_pairs(place)):
            assert (bounds >= np.array(least, dtype=np.int64)).all()
        ceilings.hold(place)


def test_ceilings_of_more_characters_than_columns_and_of_long_texts() -> None:
    many = "".join(map(chr, range(300, 1500)))
    ceilings = Ceilings([many, many[::-1], many[600:] + many[:600], "ab" * 150])
    ceilings.hold(0)
    ceilings.hold(3)
    # a column for each 512th character: a and b, 150 times each, share theirs with two of `many` each
    assert ceilings.by_characters(1).tolist() == [1200, 4]
    assert ceilings.by_pairs(2)[0] >= 600
    assert ceilings.by_characters(3).tolist() == [4, 300]
    assert ceilings.by_pairs(3)[1] == (299 + 300 + 300 + 1) // 3
