"""Token weighters: the advantage of a turn, of its spans, of its tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.agents.types import EMPTY_SUPPORT, Generation, Span, Support, Turn
from turnwise.errors import TableError, UnknownName, UsageError
from turnwise.trainers import weights
from turnwise.trainers.credit import Credit
from turnwise.trainers.weights import Lesson

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "losses.json").read_text())
ONE_GROUP = np.zeros(4, dtype=np.int64)


def turn(
    num_tokens: int,
    spans: tuple[Span, ...] = (),
    entropy: tuple[float, ...] = (),
    support: Support = EMPTY_SUPPORT,
) -> Turn:
    generation = Generation(
        "", (1,), tuple(range(num_tokens)), (0.0,) * num_tokens, entropy=entropy, support=support
    )
    return Turn(0, "", "", "", 0.0, "", generation=generation, spans=spans)


def lists(found: list[np.ndarray]) -> list[list[float]]:
    return [array.tolist() for array in found]


def test_turn() -> None:
    credit = Credit(np.array([1.5, -2.0]))
    assert lists(weights.get("turn")(credit, [turn(2), turn(3)])) == [[1.5, 1.5], [-2.0, -2.0, -2.0]]
    with pytest.raises(TableError, match="credit for 2 turns, but 1"):
        weights.get("turn")(credit, [turn(2)])


def test_spans() -> None:
    credit = Credit(np.array([9.0]), spans={"subgoal": np.array([2.0]), "switch": np.array([-1.0])})
    one = turn(5, (Span("switch", 0, 1), Span("subgoal", 1, 3), Span("unknown", 3, 4)))
    assert lists(weights.get("spans")(credit, [one])) == [[-1.0, 2.0, 2.0, 9.0, 9.0]]
    assert lists(weights.get("spans")(credit, [one], outside="zero")) == [[-1.0, 2.0, 2.0, 0.0, 0.0]]
    with pytest.raises(UsageError, match="gives none"):
        weights.get("spans")(Credit(np.array([9.0])), [one])
    with pytest.raises(UnknownName, match="zero"):
        weights.get("spans")(credit, [one], outside="zeros")


def test_tokens() -> None:
    credit = Credit(np.array([0.0, 0.0]), tokens=[np.array([1.0, 2.0]), np.array([3.0])])
    assert lists(weights.get("tokens")(credit, [turn(2), turn(1)])) == [[1.0, 2.0], [3.0]]
    with pytest.raises(TableError, match="row 1: credit for 1 tokens, the turn has 4"):
        weights.get("tokens")(credit, [turn(2), turn(4)])


def test_high_entropy_teaches_the_share_with_most() -> None:
    turns = [turn(3, entropy=(0.0, 2.0, 0.1)), turn(2, entropy=(1.9, 0.2))]
    credit = Credit(np.array([1.0, -1.0]))
    assert lists(weights.get("high_entropy")(credit, turns, share=0.4)) == [[0.0, 1.0, 0.0], [-1.0, 0.0]]
    with pytest.raises(UsageError, match="share is 0"):
        weights.get("high_entropy")(credit, turns, share=0)
    with pytest.raises(UsageError, match="no entropies"):
        weights.get("high_entropy")(credit, [turn(3), turn(2)])


@pytest.mark.parametrize(("num_forced", "kept"), [(17, 1), (12, 2), (0, 4)])
def test_high_entropy_takes_its_share_of_the_tokens_that_were_sampled(num_forced: int, kept: int) -> None:
    """A forced token has entropy 0 and nothing to learn: it is in no quantile and gets nothing."""
    sampled = 20 - num_forced
    entropy = (0.0,) * num_forced + tuple(1.0 + place for place in range(sampled))
    support = ((7,),) * num_forced + (None, (1, 2)) * (sampled // 2) + (None,) * (sampled % 2)
    (found,) = weights.get("high_entropy")(
        Credit(np.array([1.0])), [turn(20, entropy=entropy, support=support)], share=0.2
    )
    assert found.tolist() == [0.0] * (20 - kept) + [1.0] * kept


def test_high_entropy_of_forced_tokens_alone_is_nothing() -> None:
    forced = turn(2, entropy=(0.0, 0.0), support=((1,), (2,)))
    assert lists(weights.get("high_entropy")(Credit(np.array([1.0])), [forced])) == [[0.0, 0.0]]


def test_names_and_parameters_are_checked() -> None:
    assert {"turn", "spans", "tokens", "high_entropy"} <= set(weights.names())
    with pytest.raises(UnknownName, match="did you mean 'tokens'"):
        weights.get("token")
    with pytest.raises(UnknownName, match="share"):
        weights.get("high_entropy")(Credit(np.array([])), [], shar=1)


def test_d3s_teaches_where_much_is_at_stake_and_the_policy_hesitated() -> None:
    # |A| H: 0.2, 0.4, 1.2 | 1.0, 0.5 | 3.0; forced and not learned from: in no share
    turns = [
        turn(3, entropy=(0.1, 0.2, 0.6)),
        turn(2, entropy=(2.0, 1.0)),
        turn(1, entropy=(6.0,)),
        turn(1, entropy=(9.0,), support=((4,),)),
    ]
    credit = Credit(np.array([-2.0, 0.5, 0.5, 1.0]))
    weighter = weights.get("d3s")
    assert lists(weighter(credit, turns, share=(0.2, 1.0))) == [[0.0, 0.0, -2.0], [0.0, 0.0], [0.5], [0.0]]
    without = Lesson(np.array([True, True, False, True]), 0.0, ONE_GROUP)
    assert lists(weighter(credit, turns, without, share=(0.2, 1.0)))[:3] == [
        [0.0, 0.0, -2.0], [0.0, 0.0], [0.0],
    ]  # fmt: skip
    half = Lesson(np.ones(4, dtype=np.bool_), 0.5, ONE_GROUP)  # 0.2 + (1.0 - 0.2) / 2 of six tokens
    assert lists(weighter(credit, turns, half, share=(0.2, 1.0))) == [
        [0.0, 0.0, -2.0],
        [0.5, 0.5],
        [0.5],
        [0.0],
    ]
    last = Lesson(np.ones(4, dtype=np.bool_), 1.0, ONE_GROUP)
    assert lists(weighter(credit, turns, last)) == [[-2.0, -2.0, -2.0], [0.5, 0.5], [0.5], [0.0]]
    for wrong in ((0.0, 1.0), (0.5, 1.5), (0.5,)):
        with pytest.raises(UsageError, match=r"weights\.share"):
            weighter(credit, turns, share=wrong)
    with pytest.raises(UsageError, match="'d3s' needs"):
        weighter(Credit(np.ones(1)), [turn(2)])


def saying(tokens: list[int], index: int = 0) -> Turn:
    generation = Generation("", (1,), tuple(tokens), (0.0,) * len(tokens))
    return Turn(index, "", "", "", 0.0, "", generation=generation)


@pytest.mark.parametrize("case", GOLDEN["conflicts"], ids=lambda case: str(case["advantage"]))
def test_conflict_tokens_are_those_of_the_authors(case: dict) -> None:
    advantage_R = np.array(case["advantage"], dtype=np.float64)
    found = weights.get("gtpo")(Credit(0.5 * advantage_R), [saying(tokens) for tokens in case["messages"]])
    for row, expected in enumerate(case["weight"]):
        assert found[row].tolist() == (0.5 * advantage_R[row] * np.array(expected)).tolist()


def test_conflict_tokens_by_hand() -> None:
    """Won 1 2 3 4, lost 1 5 3 4: the start and the last two; what has no advantage is no witness."""
    weighter = weights.get("gtpo")
    turns = [saying([1, 2, 3, 4]), saying([1, 5, 3, 4]), saying([1, 2, 9, 4])]
    credit = Credit(np.array([0.5, -1.0, 0.0]))
    found = lists(weighter(credit, turns))
    assert found == [[1.0, 0.5, 1.0, 1.0], [0.0, -1.0, 0.0, 0.0], [0.0] * 4]
    assert lists(weighter(credit, turns, won=0.0))[:2] == [[0.0, 0.5, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0]]
    # of other groups or other turns of the episode nothing is in conflict
    apart = Lesson(np.ones(3, np.bool_), 0.0, np.array([0, 1, 0]))
    alone = [[0.5] * 4, [-1.0] * 4, [0.0] * 4]
    assert lists(weighter(credit, turns, apart)) == alone
    assert lists(weighter(credit, [turns[0], replace(turns[1], index=1), turns[2]])) == alone
    # in conflict from both ends
    assert lists(weighter(Credit(np.array([1.0, -1.0])), [saying([7]), saying([7])])) == [[4.0], [0.0]]
    with pytest.raises(UsageError, match=r"weights\.won is -1"):
        weighter(credit, turns, won=-1.0)


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 2), max_size=4), st.integers(-1, 1)), max_size=6), st.randoms()
)
@settings(max_examples=30, deadline=None)
def test_conflict_tokens_are_those_of_a_plain_search(messages: list, random: Any) -> None:
    """Token by token, as the words have it; in any order of the messages."""
    random.shuffle(messages)

    def weight(tokens: list[int], sign: int, place: int) -> float:
        total = 1.0
        for way in (1, -1):
            mine = tokens[::way]
            at = place if way == 1 else len(tokens) - 1 - place
            heads = [
                {other for said, other in messages if said[::way][i : i + 1] == [mine[i]]}
                for i in range(at + 1)
            ]
            if all({1, -1} <= head for head in heads):
                total *= {1: 2.0, -1: 0.0, 0: 1.0}[sign]
        return total * sign

    credit = Credit(np.array([float(sign) for _, sign in messages]))
    found = weights.get("gtpo")(credit, [saying(tokens) for tokens, _ in messages])
    expected = [[weight(tokens, sign, i) for i in range(len(tokens))] for tokens, sign in messages]
    assert lists(found)[: len(messages)] == expected


def test_durations_by_hand() -> None:
    """Of 1, 2 and 6 seconds the mean is 3; without the last, which is not learned from, 1.5."""
    turns = [replace(turn(2), seconds=1.0), replace(turn(1), seconds=2.0), replace(turn(1), seconds=6.0)]
    credit, weighter = Credit(np.array([3.0, -3.0, 1.0])), weights.get("duration")
    assert lists(weighter(credit, turns)) == [[1.0, 1.0], [-2.0], [2.0]]
    assert lists(weighter(credit, turns, most=0.5)) == [[1.0, 1.0], [-1.5], [0.5]]
    without = Lesson(np.array([True, True, False]), 0.0, ONE_GROUP[:3])
    assert lists(weighter(credit, turns, without))[:2] == [[2.0, 2.0], [-4.0]]
    with pytest.raises(UsageError, match="no turn says how many seconds"):
        weighter(Credit(np.ones(1)), [turn(2)])
    with pytest.raises(UsageError, match=r"weights\.most is 0"):
        weighter(credit, turns, most=0)
