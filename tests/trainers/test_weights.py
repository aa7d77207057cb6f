"""Token weighters: the advantage of a turn, of its spans, of its tokens."""

from __future__ import annotations

import numpy as np
import pytest

from turnwise.agents.types import EMPTY_SUPPORT, Generation, Span, Support, Turn
from turnwise.errors import TableError, UnknownName, UsageError
from turnwise.trainers import weights
from turnwise.trainers.credit import Credit
from turnwise.trainers.weights import Lesson


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
    without = Lesson(np.array([True, True, False, True]), 0.0)
    assert lists(weighter(credit, turns, without, share=(0.2, 1.0)))[:3] == [
        [0.0, 0.0, -2.0], [0.0, 0.0], [0.0],
    ]  # fmt: skip
    half = Lesson(np.ones(4, dtype=np.bool_), 0.5)  # 0.2 + (1.0 - 0.2) / 2 of six tokens
    assert lists(weighter(credit, turns, half, share=(0.2, 1.0))) == [
        [0.0, 0.0, -2.0],
        [0.5, 0.5],
        [0.5],
        [0.0],
    ]
    last = Lesson(np.ones(4, dtype=np.bool_), 1.0)
    assert lists(weighter(credit, turns, last)) == [[-2.0, -2.0, -2.0], [0.5, 0.5], [0.5], [0.0]]
    for wrong in ((0.0, 1.0), (0.5, 1.5), (0.5,)):
        with pytest.raises(UsageError, match=r"weights\.share"):
            weighter(credit, turns, share=wrong)
    with pytest.raises(UsageError, match="'d3s' needs"):
        weighter(Credit(np.ones(1)), [turn(2)])
