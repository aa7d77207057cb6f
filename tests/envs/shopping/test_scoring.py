"""The reward: by hand, its quirks one by one, and every recorded case of the original.

1. The formula by hand, with each part at each of its values.
2. Quirks: pairs as text, colours cut out of one side only, names of options ignored; strict mode.
3. thefuzz's ratio: accents dropped, punctuation, rounding.
4. The recorded cases (needs the benchmark data).
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from turnwise.envs.shopping import Catalogue, reward
from turnwise.envs.shopping.fuzzy import token_set_ratio
from turnwise.envs.shopping.goals import Goal
from turnwise.envs.shopping.scoring import matched_options, title_words
from turnwise.errors import UsageError

GOAL = Goal(
    asin="B0MUG00001",
    instruction="Find me mugs",
    attributes=("dishwasher safe", "easy to clean"),
    options={"size": "large", "color": "dark blue"},
    price_upper=10.0,
    name="Stoneware Mug Set",
    query="mugs",
    category="garden",
    product_category="Home \u203a Kitchen \u203a Mugs",
)


def test_perfect_purchase(small_shop: Catalogue) -> None:
    bought = small_shop.products["B0MUG00001"]
    parts = reward(GOAL, bought, {"size": "large", "color": "dark blue"}, 9.5)
    assert parts == {
        "reward": 1.0, "r_type": 1.0, "r_att": 1.0, "r_option": 1.0, "r_price": True,
        "reward_without_type": 1.0, "num_attr_matches": 2, "num_option_matches": 2,
        "query_match": True, "category_match": True, "title_score": 1.0,
    }  # fmt: skip


def test_parts_by_hand(small_shop: Catalogue) -> None:
    mug = small_shop.products["B0MUG00002"]
    parts = reward(GOAL, mug, {"size": "small"}, 15.0)
    # Both attributes (one in the list, one in a bullet), no option, too dear: 2 of 5.
    assert parts["reward"] == pytest.approx(0.4)
    assert parts["title_score"] == pytest.approx(1 / 3)
    lamp = reward(GOAL, small_shop.products["B0LAMP0001"], {}, 5.0)
    assert (lamp["r_type"], lamp["title_score"], lamp["reward"]) == (0.0, 0.0, 0.0)
    assert lamp["reward_without_type"] == pytest.approx(2 / 5)  # "easy to clean" and the price


@pytest.mark.parametrize(
    ("name", "r_type"),
    [
        ("One Set", 1.0),
        ("Set " + "w " * 3, 1.0),
        ("Set " + "w " * 4, 0.5),
        ("Set " + "w " * 10, 0.1),
        ("w", 0.0),
    ],
)
def test_type_by_shared_title_words(small_shop: Catalogue, name: str, r_type: float) -> None:
    goal = dataclasses.replace(GOAL, name=name, query="other", product_category="Other")
    parts = reward(goal, small_shop.products["B0MUG00001"], {}, 9.5)
    assert parts["r_type"] == r_type


def test_no_words_in_the_wanted_title_count_as_a_fifth(small_shop: Catalogue) -> None:
    parts = reward(dataclasses.replace(GOAL, name="12 34"), small_shop.products["B0MUG00001"], {}, 9.5)
    assert parts["title_score"] == 0.2
    assert parts["r_type"] == 1.0


def test_a_tagger_can_name_the_title_words(small_shop: Catalogue) -> None:
    parts = reward(
        GOAL,
        small_shop.products["B0MUG00002"],
        {},
        9.5,
        title_words=lambda title: [title.split()[-1].lower()],
    )
    assert parts["title_score"] == 0.0


@pytest.mark.parametrize(
    ("wanted", "bought", "original", "strict"),
    [
        ({"size": "x-large"}, {"size": "large"}, 1, 0),  # the pair's words contain the bought one
        ({"size": "large"}, {"size": "x-large"}, 0, 0),
        ({"size": "large"}, {"fit": "large"}, 1, 0),  # the name does not matter
        ({"color": "b3-wine"}, {"color": "b3-wine"}, 1, 1),  # cut to wine, which the pair contains
        ({"color": "goo12red"}, {"color": "goo12red"}, 0, 1),  # cut to red: no purchase matches
        ({"color": "red"}, {"color": "deep red"}, 1, 0),  # the goal is exactly a colour
        (("deep red",), {"color": "blood red"}, 1, 0),  # lists are cut on both sides
        (("large",), {"size": "large"}, 1, 1),
        ({}, {"size": "large"}, 0, 0),
    ],
)
def test_option_quirks(wanted: object, bought: dict[str, str], original: int, strict: int) -> None:
    assert len(matched_options(wanted, bought)) == original  # type: ignore[arg-type]
    assert len(matched_options(wanted, bought, strict=True)) == strict  # type: ignore[arg-type]


def test_no_options_asked() -> None:
    assert matched_options({}, {"a": "b"}) == frozenset()


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [
        ("non slip", "slip-non!", 100),
        ("caf\u00e9", "caf", 100),  # thefuzz drops Latin-1 letters
        ("", "", 0),
        ("machine wash", "machine washable", 86),  # 85.7 rounded
        ("b3", "b4", 50),
    ],
)
def test_ratio_is_thefuzz(first: str, second: str, ratio: int) -> None:
    assert token_set_ratio(first, second) == ratio


def test_title_words_keep_letters_only() -> None:
    assert title_words("Men's V-Neck T-Shirt, 3 Pack (M-3XL) & 12") == [
        "men", "'s", "v", "neck", "t", "shirt", "pack", "m", "3xl",
    ]  # fmt: skip


def test_a_goal_record_without_a_field_is_named(small_shop: Catalogue) -> None:
    with pytest.raises(UsageError, match="no field 'goal_options'"):
        reward({"asin": "B0MUG00001"}, small_shop.products["B0MUG00001"], {}, 1.0)


def test_recorded_cases_of_the_original(benchmark_data: Path) -> None:
    folder = benchmark_data / "webshop"
    shop = Catalogue.load(folder / "items_shuffle_1000.json", folder / "items_ins_v2_1000.json")
    goals = json.loads((folder / "goals.json").read_text())
    cases = json.loads((folder / "golden_rewards.json").read_text())["cases"]
    titles = 0
    for case in cases:
        parts = reward(
            goals[case["goal_index"]], shop.products[case["purchased_asin"]], case["options"], case["price"]
        )
        for key in ("reward_without_type", "num_attr_matches", "num_option_matches"):
            assert parts[key] == case[key]
        for key in ("r_att", "r_option", "r_price", "query_match", "category_match"):
            assert parts[key] == case["info"].get(key)
        if case["title_score_pos_independent"]:
            assert (parts["r_type"], parts["reward"]) == (case["info"]["r_type"], case["reward"])
        titles += parts["title_score"] == case["info"]["title_score"]
    assert titles >= 0.95 * len(cases)
