"""Which goals an agent may train on: by product, or as the literature does it.

`protocol="product"`: a hash of the product's id puts it on one side for good, so
no product stands on both sides, whatever the set: 80 % train, 10 % unseen (for
choosing among models), 10 % test (for the final number). Of the goals of training
products a tenth, by a hash of the goal, is kept out of training as `seen`.

`protocol="literature"`: goals 0 to 499 are the test set and the rest is for
training, in the order of the goals. It leaks: goals of one product differ only in
its options and stand on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from ...errors import UnknownName, UsageError
from ..retrieval.draws import draw
from .goals import Goal, LazyGoals

Split = Literal["all", "train", "seen", "unseen", "test"]
Side = Literal["train", "unseen", "test"]
Protocol = Literal["product", "literature"]

NUM_LITERATURE_TEST = 500
_ALIASES = {
    "valid_seen": "seen",
    "valid_unseen": "unseen",
    "valid": "unseen",
    "val": "unseen",
    "dev": "unseen",
}


def side_of(asin: str) -> Side:
    """Return the side on which a product's goals stand."""
    bucket = draw("shopping split " + asin, 100)
    return "train" if bucket < 80 else "unseen" if bucket < 90 else "test"


def manifest(asins: Iterable[str]) -> dict[Side, list[str]]:
    """List the products of each side, sorted."""
    sides: dict[Side, list[str]] = {"train": [], "unseen": [], "test": []}
    for asin in sorted(asins):
        sides[side_of(asin)].append(asin)
    return sides


def draws(goals: Sequence[Goal], split: str, protocol: str = "product") -> list[Sequence[int]]:
    """Return the goals of a split in groups; a task is drawn as a group, then a goal of it, each alike.

    Under protocol `product` a group is a product, so that one with hundreds of
    options does not outweigh the rest; under `literature` all goals are one group.

    Raises:
        UnknownName: if there is no such split or protocol.
        UsageError: if the split has no goals.
    """
    chosen = select(goals, split, protocol)
    if protocol == "literature":
        return [chosen]
    groups: dict[str, list[int]] = {}
    for number in chosen:
        groups.setdefault(_asin(goals, number), []).append(number)
    return [groups[asin] for asin in sorted(groups)]


def select(goals: Sequence[Goal], split: str, protocol: str = "product") -> Sequence[int]:
    """Return the numbers of the goals of a split, in order.

    Raises:
        UnknownName: if there is no such split or protocol.
        UsageError: if the split has no goals.
    """
    split = _ALIASES.get(split, split)
    if split not in get_args(Split):
        raise UnknownName("split", split, [*get_args(Split), *_ALIASES])
    if protocol not in get_args(Protocol):
        raise UnknownName("protocol", protocol, get_args(Protocol))
    if split == "all":
        chosen: Sequence[int] = range(len(goals))
    elif protocol == "literature":
        chosen = _literature(len(goals), split)
    else:
        chosen = [number for number in range(len(goals)) if _belongs(goals, number, split)]
    if not chosen:
        raise UsageError(
            f"split {split!r} of {len(goals)} goals is empty; use another split or more products"
        )
    return chosen


def _literature(num_goals: int, split: str) -> range:
    if split == "test":
        return range(min(NUM_LITERATURE_TEST, num_goals))
    if split == "train":
        return range(NUM_LITERATURE_TEST, num_goals)
    raise UsageError(
        f"split {split!r} under protocol 'literature': it has only 'test' (goals 0 to 499) and 'train';"
        " protocol 'product' has all"
    )


def _belongs(goals: Sequence[Goal], number: int, split: str) -> bool:
    asin = _asin(goals, number)
    if side_of(asin) != ("train" if split == "seen" else split):
        return False
    if split in ("unseen", "test"):
        return True
    goal = goals[number]
    chosen = goal.options.values() if isinstance(goal.options, dict) else goal.options
    kept_out = (
        draw(f"shopping goal {asin} {goal.instruction.split(', and price')[0]} {list(chosen)}", 10) == 0
    )
    return kept_out == (split == "seen")


def _asin(goals: Sequence[Goal], number: int) -> str:
    return goals.asin(number) if isinstance(goals, LazyGoals) else goals[number].asin
