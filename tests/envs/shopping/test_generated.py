"""The generated shop: the same everywhere, solvable throughout, worded at three difficulties.

1. Same seed, same shop, also when it grows; another seed, another shop.
2. Ids are well formed and lead back to their number.
3. Every goal can be bought for a reward of exactly 1, by both rules (every 40th here, all as `slow`).
4. Instructions: what each difficulty names; numbers in words.
5. Word lists: no colour hides inside an option; properties are said in three ways.
6. Splits hold apart; arguments are checked; the contract holds (see tests/envs/test_registered.py).
"""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

import turnwise
from turnwise.envs.check import expert_episode
from turnwise.envs.shopping.expert import best_options
from turnwise.envs.shopping.generate import (
    NUM_PRODUCTS,
    GeneratedGoals,
    _identifier,
    _number_of,
    generated_catalogue,
    make_product,
)
from turnwise.envs.shopping.goods import OTHER_WORDS
from turnwise.envs.shopping.scoring import COLOURS, matched_options, reward
from turnwise.envs.shopping.splits import draws, side_of
from turnwise.envs.shopping.stock import FAMILIES
from turnwise.envs.shopping.wording import Difficulty, in_words
from turnwise.errors import UnknownName, UsageError

ALL = get_args(Difficulty)


def test_same_seed_same_products() -> None:
    shop = generated_catalogue()
    assert len(shop.products) == NUM_PRODUCTS >= 5_000
    products = list(shop.products.values())
    assert [make_product(0, number) for number in (0, 1, 5_399)] == [products[0], products[1], products[-1]]
    assert make_product(1, 0) != products[0]
    assert generated_catalogue() is shop
    assert shop.digest == "7358cbc2eaa9a69c"


def test_ids_lead_back_to_numbers() -> None:
    numbers = [0, 1, 71, 72, 5_399, 999_999]
    ids = [_identifier(number) for number in numbers]
    assert [_number_of(asin) for asin in ids] == numbers
    assert all(len(asin) == 10 and asin.isupper() for asin in ids)
    assert len({_identifier(number) for number in range(20_000)}) == 20_000


@pytest.mark.parametrize("stride", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_every_goal_can_be_bought(stride: int) -> None:
    shop = generated_catalogue()
    for number in range(0, NUM_PRODUCTS * 6, stride):
        goal = GeneratedGoals(shop, 0, ALL)[number]
        for strict in (False, True):
            chosen = best_options(goal, shop, strict=strict)
            parts = reward(goal, shop.products[goal.asin], chosen, shop.prices[goal.asin], strict=strict)
            assert parts["reward"] == 1.0


@pytest.mark.parametrize("difficulty", ALL)
def test_expert_buys_it(difficulty: str) -> None:
    env = turnwise.make("shopping/generated-v0", difficulty=difficulty, split="test")
    assert all(expert_episode(env, seed)[0] for seed in range(25))  # type: ignore[index]


def test_instructions_name_what_they_should() -> None:
    shop = generated_catalogue()
    for number in range(0, 1_200, 7):
        easy, medium, hard = (GeneratedGoals(shop, 0, (level,))[number] for level in ALL)
        product = shop.products[easy.asin]
        assert product.name.split(" ")[0].lower() in easy.instruction
        assert (len(easy.attributes), len(medium.attributes), len(hard.attributes)) == (1, 2, 2)
        assert len(easy.options) <= 1
        assert set(medium.options) == set(hard.options) == set(product.options)
        assert all(name in medium.instruction for name in medium.attributes)
        assert all(value in medium.instruction for value in medium.options.values())
        assert not any(name in hard.instruction for name in hard.attributes if len(name.split()) > 2)
        for value in hard.options.values():
            assert OTHER_WORDS.get(value, value) in hard.instruction
        for goal in (easy, medium):
            assert f"{goal.price_upper:.0f}" in goal.instruction
        assert in_words(round(hard.price_upper)) in hard.instruction


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "one"),
        (15, "fifteen"),
        (20, "twenty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (310, "three hundred and ten"),
    ],
)
def test_numbers_in_words(number: int, words: str) -> None:
    assert in_words(number) == words


def test_word_lists_avoid_the_colour_quirk() -> None:
    for family in FAMILIES:
        for name, values in family.options.items():
            for value in values:
                assert matched_options({name: value}, {name: value}), (name, value)
        for ways in family.properties.values():
            assert len(set(ways)) == 2
    assert list(COLOURS) == sorted(COLOURS)


def test_families_differ_in_kind() -> None:
    queries = Counter(kind.query for family in FAMILIES for kind in family.kinds)
    assert len(queries) == 72
    assert max(queries.values()) == 1


def test_splits_hold_apart() -> None:
    shop = generated_catalogue()
    goals = GeneratedGoals(shop, 0, ("medium",))
    numbers = {
        split: {n for group in draws(goals, split) for n in group}
        for split in ("train", "seen", "unseen", "test")
    }
    assert set().union(*numbers.values()) == set(range(len(goals)))
    assert sum(map(len, numbers.values())) == len(goals)
    for split, side in (("train", "train"), ("seen", "train"), ("unseen", "unseen"), ("test", "test")):
        assert {side_of(goals.asin(number)) for number in numbers[split]} == {side}


def test_arguments_are_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'medium'"):
        turnwise.make("shopping/generated-v0", difficulty="mediun")
    with pytest.raises(UsageError, match="num_products must be from 1"):
        turnwise.make("shopping/generated-v0", num_products=0)


def test_goals_behave_as_a_sequence() -> None:
    goals = GeneratedGoals(generated_catalogue(), 0, ("easy",))
    assert goals[-1] == goals[len(goals) - 1]
    assert goals[2:4] == [goals[2], goals[3]]
    with pytest.raises(IndexError):
        goals[len(goals)]
