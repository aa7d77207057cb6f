"""Where episodes branch: fixed trees, and ARPO's rule by hand."""

from __future__ import annotations

import math

import pytest

from turnwise.agents.rollout import BranchingPlan, BranchPoint
from turnwise.agents.types import Generation, Turn
from turnwise.errors import UnknownName, UsageError
from turnwise.streams import Stream, rng
from turnwise.trainers.rollouts import plans


def said(*entropy: float) -> Generation:
    return Generation("", (1,), tuple(5 for _ in entropy), tuple(-1.0 for _ in entropy), entropy=entropy)


def point(*entropies: tuple[float, ...], key: tuple[int, ...] = (0, 1), vocab: int = 100) -> BranchPoint:
    """Return the point at the last message; the others are those of the turns before."""
    turns = tuple(Turn(i, "o", "s", "a", 0.0, "n", generation=said(*e)) for i, e in enumerate(entropies[:-1]))
    return BranchPoint(turns, said(*entropies[-1]), key, vocab, free=7)


def plan(name: str, group_size: int, **params: object) -> BranchingPlan:
    made = plans.get(name)(group_size, **params)
    assert made is not None
    return made


def test_independent_episodes_need_no_plan() -> None:
    assert plans.get("independent")(8) is None


def test_a_tree_branches_at_its_turns_alone() -> None:
    made = plan("tree", 18, roots=2, width=3, turns=(0, 2))
    assert made.num_roots == 2
    points = [point(*[(0.1,)] * (turn + 1)) for turn in range(4)]
    assert [made.num_branches(each) for each in points] == [2, 0, 2, 0]


@pytest.mark.parametrize(
    ("size", "params", "message"),
    [
        (6, {}, "make 4 leaves; rollout.group_size is 6"),
        (8, {"width": 1}, "a width of at least 2"),
        (8, {"turns": (2, 1, 3)}, "ascending"),
        (8, {"turns": (1, 1, 3)}, "ascending"),
        (8, {"roots": 0}, "at least 1 root"),
        (8, {"depth": 3}, "unknown parameter of rollout plan tree 'depth'"),
    ],
)
def test_trees_that_cannot_be_are_refused(size: int, params: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plans.get("tree")(size, **params)


def test_entropy_by_hand() -> None:
    # sums of the first two tokens over ln 100: 1.0 / 4.605 = 0.2171
    assert plans.entropy.normalised_entropy([0.4, 0.6, 9.0], 2, 100) == pytest.approx(1.0 / math.log(100))
    assert plans.entropy.normalised_entropy([0.4], 20, 100) == pytest.approx(0.4 / math.log(100))


@pytest.mark.parametrize(
    ("u", "rise", "expected"),
    [
        (0.5, 0.0, True),  # 0.5 <= 0.5
        (0.51, 0.0, False),
        (0.69, 1.0, True),  # 0.69 - 0.2 = 0.49
        (0.71, 1.0, False),
        (0.4, -1.0, False),  # 0.4 + 0.2 = 0.6
        (0.99, 10.0, True),  # cut to 0
        (0.99, -10.0, False),  # cut to 1
    ],
)
def test_the_rule_of_arpo_by_hand(u: float, rise: float, expected: bool) -> None:
    assert plans.entropy.branches(u, rise, weight=0.2, chance=0.5) is expected


def test_entropy_branches_by_its_key_and_never_at_the_first_message() -> None:
    made = plan("entropy", 16)
    assert made.num_roots == 8
    assert made.num_branches(point((5.0,))) == 0
    for number in range(20):
        key = (3, number)
        u = rng(3, Stream.BRANCHES, number).random(1)[0]
        rise = (2.0 - 0.5) / math.log(100)
        expected = int(u - 0.2 * rise <= 0.5)
        assert made.num_branches(point((0.5,), (1.0,), (1.5, 0.5), key=key)) == expected
    surely = plan("entropy", 16, width=4, chance=1.0)
    assert surely.num_branches(point((0.5,), (0.5,))) == 3


def test_entropy_needs_entropies() -> None:
    made = plan("entropy", 16)
    with pytest.raises(UsageError, match="reports no entropies"):
        made.num_branches(point((), ()))
    with pytest.raises(UsageError, match="no vocab_size"):
        made.num_branches(point((0.1,), (0.1,), vocab=0))
    with pytest.raises(UsageError, match="1 to 4 roots"):
        plans.get("entropy")(4)
    with pytest.raises(UnknownName, match="did you mean 'entropy'"):
        plans.get("entrop")


def test_a_plan_of_ones_own() -> None:
    @plans.register("test_fork_once")
    def fork_once(group_size: int, *, turn: int = 1) -> BranchingPlan:
        return BranchingPlan(1, lambda at: group_size - 1 if len(at.turns) == turn else 0)

    assert plan("test_fork_once", 4).num_branches(point((0.1,), (0.1,))) == 3
    assert "test_fork_once" in plans.names()
