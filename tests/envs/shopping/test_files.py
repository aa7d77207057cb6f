"""Original files: loading, goals, prices, splits, the expert; and what is said of broken ones.

1. The 1 000-product set: goals in the original's order, prices, human goals.
2. A collection on disk answers as the files do.
3. Splits: no product on two sides, literature protocol, names.
4. The expert: 1.0 wherever the original reward allows it; each exception is the colour quirk.
5. A missing field is named by file, record and field.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import turnwise
from turnwise.envs.check import check_environment
from turnwise.envs.shopping import Catalogue, reward
from turnwise.envs.shopping.expert import best_options
from turnwise.envs.shopping.goals import NO_CAP, load_goals
from turnwise.envs.shopping.scoring import COLOURS, matched_options
from turnwise.envs.shopping.splits import draws, manifest, select
from turnwise.errors import UnknownName, UsageError


@pytest.fixture(scope="module")
def original(original_files: dict[str, str]) -> Catalogue:
    return Catalogue.load(
        original_files["items"], original_files["instructions"], prices=original_files["prices"]
    )


def test_goals_come_in_the_originals_order(original: Catalogue, original_files: dict[str, str]) -> None:
    frozen = load_goals(Path(original_files["goals"]), original.products)
    assert len(frozen) == len(original.goals) == 6910
    for made, goal in zip(original.goals, frozen, strict=True):
        assert (made.asin, made.options, made.attributes) == (goal.asin, goal.options, goal.attributes)
        assert made.instruction.split(", and price")[0] == goal.instruction.split(", and price")[0]
        assert original.prices[made.asin] <= made.price_upper <= NO_CAP


def test_search_gives_ids(original: Catalogue) -> None:
    hits = original.search("women's tops", k=7)
    assert len(hits) == 7
    assert all(asin in original.products for asin in hits)
    assert original.scores("women's tops", k=7)[0][0] == hits[0]


def test_human_goals(original_files: dict[str, str], benchmark_data: Path) -> None:
    human = benchmark_data / "webshop/items_human_ins.json"
    shop = Catalogue.load(original_files["items"], original_files["instructions"], human)
    asked = {
        asin: [i for i in told if i["instruction_attributes"]]
        for asin, told in json.loads(human.read_text()).items()
    }
    assert len(shop.goals) == sum(len(told) for asin, told in asked.items() if asin in shop.products)
    assert all(isinstance(goal.options, tuple) for goal in shop.goals)


def test_collection_on_disk_answers_as_the_files_do(
    original: Catalogue, original_files: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(2):  # written, then opened
        stored = Catalogue.load(
            original_files["items"],
            original_files["instructions"],
            prices=original_files["prices"],
            cache=tmp_path,
        )
        assert stored.search("blue shirt") == original.search("blue shirt")
        assert stored.digest == original.digest
        assert len(stored.products) == 1000
        assert all(stored.products[asin] == product for asin, product in original.products.items())
    assert list(stored.goals[:50]) == list(original.goals[:50])


def test_no_product_on_two_sides(original: Catalogue) -> None:
    sides = manifest(original.products)
    assert {side: len(asins) for side, asins in sides.items()} == {"train": 787, "unseen": 108, "test": 105}
    numbers = {split: set(select(original.goals, split)) for split in ("train", "seen", "unseen", "test")}
    assert sum(map(len, numbers.values())) == len(set().union(*numbers.values())) == 6910
    products = {split: {original.goals[i].asin for i in chosen} for split, chosen in numbers.items()}
    assert not products["train"] & products["test"]
    assert not products["train"] & products["unseen"]
    assert not products["unseen"] & products["test"]
    assert products["seen"] <= set(sides["train"])


def test_every_product_is_drawn_alike(original: Catalogue) -> None:
    groups = draws(original.goals, "all")
    assert len(groups) == 415
    assert sorted(number for group in groups for number in group) == list(range(6910))
    assert all(len({original.goals[number].asin for number in group}) == 1 for group in groups)
    assert draws(original.goals, "test", "literature") == [range(500)]


def test_literature_protocol(original: Catalogue) -> None:
    assert select(original.goals, "test", "literature") == range(500)
    assert select(original.goals, "train", "literature") == range(500, 6910)
    with pytest.raises(UsageError, match="protocol 'literature': it has only"):
        select(original.goals, "unseen", "literature")
    assert list(select(original.goals, "valid_unseen")) == list(select(original.goals, "unseen"))
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        select(original.goals, "trian")


def explained(original: Catalogue, goal: object) -> bool:
    """Tell whether a colour inside a wanted value makes the goal unattainable."""
    met = matched_options(goal.options, best_options(goal, original))  # type: ignore[attr-defined]
    missed = [value for i, value in enumerate(goal.options.values()) if i not in met]  # type: ignore[attr-defined]
    return bool(missed) and all(any(colour in value for colour in COLOURS) for value in missed)


@pytest.mark.slow
def test_best_purchase_of_every_goal(original: Catalogue, original_files: dict[str, str]) -> None:
    perfect = 0
    for goal in load_goals(Path(original_files["goals"]), original.products):
        product, price = original.products[goal.asin], original.prices[goal.asin]
        strict = best_options(goal, original, strict=True)
        assert reward(goal, product, strict, price, strict=True)["reward"] == 1.0
        if reward(goal, product, best_options(goal, original), price)["reward"] == 1.0:
            perfect += 1
        else:
            assert explained(original, goal)
    assert perfect == 6452


def test_expert_buys_what_the_goal_allows(original: Catalogue, original_files: dict[str, str]) -> None:
    env = turnwise.make("shopping/webshop-v0", **original_files)
    for number in range(0, 6910, 60):
        _, info = env.reset(options={"goal_index": number, "expert": True})
        goal = env.text_env._goal
        done, bought = False, 0.0
        while not done:
            _, bought, terminated, truncated, info = env.step(info["private"]["expert"])
            done = terminated or truncated
        assert bought == 1.0 or explained(original, goal)


def test_contract_on_the_original_files(original_files: dict[str, str]) -> None:
    kwargs = {**original_files, "split": "train", "strict": True}
    verdicts = check_environment("shopping/webshop-v0", kwargs, seeds=(0, 1), num_turns=12)
    assert [v for v in verdicts if v.outcome != "passed"] == []


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", None, "record 1 has no field 'name'"),
        ("small_description", 7, "record 1, field 'small_description': expected list or str, got 7"),
        ("pricing", "$x", "record 1, field 'pricing'"),
        ("customization_options", {"Size": [{}]}, "record 1, field 'customization_options'"),
    ],
)
def test_a_broken_record_is_named(tmp_path: Path, field: str, value: object, message: str) -> None:
    good = {
        "asin": "B000000001", "name": "a", "full_description": "", "small_description": [], "category": "c",
        "query": "q", "product_category": "p", "pricing": "", "customization_options": "",
    }  # fmt: skip
    bad = {key: old for key, old in {**good, "asin": "B000000002"}.items() if key != field}
    items = tmp_path / "items.json"
    items.write_text(json.dumps([good, bad if value is None else {**bad, field: value}]))
    (tmp_path / "ins.json").write_text("{}")
    with pytest.raises(UsageError, match=f"items.json: {message}"):
        Catalogue.load(items, tmp_path / "ins.json")


def test_missing_files_and_foreign_goals_are_named(original_files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.json"):
        turnwise.make(
            "shopping/webshop-v0",
            items=str(tmp_path / "nothing.json"),
            instructions=original_files["instructions"],
        )
    goals = tmp_path / "goals.json"
    shutil.copy(original_files["goals"], goals)
    goals.chmod(0o600)
    records = json.loads(goals.read_text())[:2]
    records[1]["asin"] = "B0NOWHERE1"
    goals.write_text(json.dumps(records))
    with pytest.raises(UsageError, match="goal 1 wants 'B0NOWHERE1'"):
        turnwise.make("shopping/webshop-v0", **{**original_files, "goals": str(goals)})
