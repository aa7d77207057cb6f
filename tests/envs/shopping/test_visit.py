"""The pages and where actions lead, on a hand-made shop and against the recorded transcript.

1. Text mode and text_rich mode, page by page.
2. Actions that mean nothing change nothing; search works everywhere; odd brackets.
3. Tiers are given once; the purchase ends the visit; turns run out.
4. Clones are independent and share the catalogue.
5. The transcript of the original, text for text (needs the benchmark data).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import turnwise
from turnwise.envs.shopping import Catalogue
from turnwise.envs.shopping.environment import ShoppingEnv
from turnwise.envs.shopping.product import Product
from turnwise.envs.shopping.session import Visit, buttons, follow, parse_action
from turnwise.errors import UnknownName, UsageError


def shop_env(small_shop: Catalogue, **kwargs: object) -> ShoppingEnv:
    return ShoppingEnv(small_shop, small_shop.goals, [range(len(small_shop.goals))], **kwargs)  # type: ignore[arg-type]


def play(env: ShoppingEnv, *actions: str) -> tuple[str, float, bool, bool, dict]:
    for action in actions:
        reply = env.step(action)
    return reply


def large_blue(small_shop: Catalogue) -> int:
    goals = list(small_shop.goals)
    return next(i for i, g in enumerate(goals) if g.options == {"color": "dark blue", "size": "large"})


def test_pages_in_text_mode(small_shop: Catalogue) -> None:
    env = shop_env(small_shop)
    observation, info = env.reset(options={"goal_index": large_blue(small_shop)})
    told = info["instruction"]
    assert told.startswith(
        "Find me dishwasher safe mugs with color: dark blue, and size: large, and price lower than"
    )
    assert observation == f"WebShop [SEP] Instruction: [SEP] {told} [SEP] Search"
    assert info["admissible"] is None
    observation, *_, info = env.step("search[mug]")
    head = f"Instruction: [SEP] {told} [SEP] Back to Search [SEP] "
    assert observation == head + (
        "Page 1 (Total results: 2) [SEP] B0MUG00002 [SEP] Travel Mug [SEP] $12.0 to $20.0"
        " [SEP] B0MUG00001 [SEP] Stoneware Mug Set [SEP] $9.5"
    )
    assert info["admissible"] == ["click[b0mug00001]", "click[b0mug00002]", "click[back to search]"]
    item = env.step("click[B0MUG00001]")[0]
    assert item == head + (
        "< Prev [SEP] size [SEP] small [SEP] large [SEP] color [SEP] dark blue [SEP] b7-red"
        " [SEP] Stoneware Mug Set [SEP] Price: $9.5 [SEP] Rating: N.A."
        " [SEP] Description [SEP] Features [SEP] Reviews [SEP] Buy Now"
    )
    assert env.step("click[large]")[0] == item
    assert env.step("click[features]")[0] == head + "< Prev [SEP] sturdy [SEP] easy to clean"
    assert env.step("click[< prev]")[0] == item
    assert env.step("click[reviews]")[0] == head + '< Prev [SEP] "Lovely" [SEP] 5 [SEP] Keeps warm.'
    play(env, "click[< prev]", "click[dark blue]")
    observation, reward, terminated, truncated, info = env.step("click[buy now]")
    assert observation.startswith("Thank you for shopping with us! [SEP] Your code: [SEP] None")
    assert '[SEP] {"color": "dark blue", "size": "large"} [SEP]' in observation
    assert (reward, terminated, truncated, info["won"], info["score"]) == (1.0, True, False, True, 1.0)


def test_rich_mode_marks_buttons_and_clicks(small_shop: Catalogue) -> None:
    env = shop_env(small_shop, mode="text_rich")
    observation, _ = env.reset(options={"goal_index": large_blue(small_shop)})
    assert observation.endswith("\n[button] Search [button_]\n")
    assert "\n\n[button] B0MUG00001 [button_]\nStoneware Mug Set\n$9.5\n" in env.step("search[mug]")[0]
    item = play(env, "click[b0mug00001]", "click[large]")[0]
    assert item.startswith("You have clicked large.\nInstruction:\n")
    assert "\nsize\n  [button] small [button_]\n  [clicked button] large [clicked button_]\n" in item
    assert "\n\n[clicked button] B0MUG00001 [clicked button_]\n" in env.step("click[< prev]")[0]


@pytest.mark.parametrize(
    "action",
    [
        "",
        "search",
        "search[]",
        "click[buy now]",
        "click[search]",
        "buy[large]",
        " click[large]",
        "click[x-large]",
        "\x00[\x00]",
    ],
)
def test_meaningless_actions_change_nothing(small_shop: Catalogue, action: str) -> None:
    visit = Visit()
    assert follow(visit, action, small_shop) == visit


def test_odd_brackets_are_cut_as_the_original_cuts() -> None:
    assert parse_action("search[a[b]c]") == ("search[a", "b]c")
    assert parse_action("click[Buy Now] please") == ("click", "buy now")
    assert parse_action("search[two\nlines]") == ("search[two\nlines]", None)


def test_search_from_anywhere_forgets_options(small_shop: Catalogue) -> None:
    visit = Visit()
    for action in ("search[mug]", "click[b0mug00001]", "click[large]", "search[lamp]"):
        visit = follow(visit, action, small_shop)
    assert (visit.page, visit.query, visit.options, visit.hits) == ("results", "lamp", (), ("B0LAMP0001",))


def test_empty_and_long_queries_list_what_they_find(small_shop: Catalogue) -> None:
    assert follow(Visit(), "search[ ]", small_shop).hits == ()
    assert follow(Visit(), f"search[{'mug ' * 20_000}]", small_shop).hits == ("B0MUG00002", "B0MUG00001")


def test_buttons_win_over_options_of_the_same_text(make_product: Callable[..., Product]) -> None:
    shop = Catalogue.of([make_product("B0ODD00001", "Odd", options={"a": ("features", "x"), "b": ("x",)})])
    visit = follow(follow(Visit(), "search[odd]", shop), "click[b0odd00001]", shop)
    assert buttons(visit, shop).count("features") == 1
    assert follow(visit, "click[features]", shop).page == "sub"
    assert follow(visit, "click[x]", shop).options == (("b", "x"),)  # the later option gets it


def test_tiers_are_given_once(small_shop: Catalogue) -> None:
    env = shop_env(small_shop)
    env.reset(options={"goal_index": large_blue(small_shop)})
    actions = (
        "search[mug]",
        "search[mug]",
        "click[b0mug00001]",
        "click[large]",
        "click[small]",
        "click[large]",
        "click[buy now]",
    )
    tiers = [env.step(action)[-1]["rewards"] for action in actions]
    assert [t["found"] for t in tiers] == [1, 0, 0, 0, 0, 0, 0]
    assert [t["opened"] for t in tiers] == [0, 0, 1, 0, 0, 0, 0]
    assert [t["chosen"] for t in tiers] == [0, 0, 0, 0.5, 0, 0, 0]
    assert tiers[-1]["outcome"] == pytest.approx(0.75)  # one of two options missing: 3 of 4
    assert tiers[-1]["perfect"] == 0


def test_turns_run_out(small_shop: Catalogue) -> None:
    env = shop_env(small_shop, max_turns=3)
    env.reset(seed=0)
    replies = [env.step("foo") for _ in range(3)]
    assert [reply[3] for reply in replies] == [False, False, True]
    assert [reply[1] for reply in replies] == [0, 0, 0]


def test_clone_is_independent_and_shares_the_catalogue(small_shop: Catalogue) -> None:
    env = shop_env(small_shop)
    env.reset(seed=3)
    env.step("search[mug]")
    twin = env.clone()
    assert twin.step("click[b0mug00001]")[0] == env.step("click[b0mug00001]")[0]
    env.step("click[large]")
    assert env._visit.options
    assert not twin._visit.options
    assert twin._catalogue is env._catalogue
    assert env.reset()[1]["task"] == twin.reset()[1]["task"]


def test_private_only_on_request(small_shop: Catalogue) -> None:
    env = shop_env(small_shop)
    assert "private" not in env.reset(seed=1)[1]
    private = env.reset(seed=1, options={"expert": True, "answer": True})[1]["private"]
    assert private["expert"] == "search[Stoneware Mug Set]"
    assert private["answer"]["asin"] == "B0MUG00001"


def test_wrong_arguments_are_named(small_shop: Catalogue) -> None:
    with pytest.raises(UnknownName, match="text_rich"):
        shop_env(small_shop, mode="text-rich")
    with pytest.raises(UsageError, match="goal_index must be from 0 to 3, got 4"):
        shop_env(small_shop, goal_index=4)
    with pytest.raises(UsageError, match="max_turns"):
        shop_env(small_shop, max_turns=0)


def test_transcript_of_the_original_text_for_text(
    original_files: dict[str, str], benchmark_data: Path
) -> None:
    recorded = json.loads((benchmark_data / "webshop/original_env_transcript_text.json").read_text())
    goals = json.loads(Path(original_files["goals"]).read_text())
    env = turnwise.make("shopping/webshop-v0", **original_files)
    first, *steps = [turn for turn in recorded["transcripts"]["text"] if "obs" in turn]
    observation, info = env.reset(options={"goal_index": goals.index(recorded["goal"])})
    assert observation == first["obs"]
    assert len(steps) == 17
    for turn in steps:
        observation, reward, terminated, _, info = env.step(turn["action"])
        assert observation == turn["obs"]
        assert (reward, terminated) == (turn["reward"], turn["done"])
        if turn["avail"] and not turn["avail"]["has_search_bar"]:
            assert info["admissible"] == sorted(f"click[{text}]" for text in turn["avail"]["clickables"])
