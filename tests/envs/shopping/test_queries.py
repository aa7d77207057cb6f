"""Searches listed on the search page: the instruction's own words, and an expert that keeps to them.

1. Every run of up to four content words, sorted, none twice; bounded for any instruction.
2. The list is on the search page only, says nothing that the instruction does not, and binds nobody.
3. The expert's query is from the list, and the product stands on the earliest page that any of them reaches.
4. With the list the contract holds, and the expert still buys every goal.
"""

from __future__ import annotations

from typing import Any

import pytest

import turnwise
from turnwise.envs.check import check_environment
from turnwise.envs.retrieval.words import STOP_WORDS, split_words
from turnwise.envs.shopping.catalogue import Catalogue
from turnwise.envs.shopping.generate import generated_catalogue
from turnwise.envs.shopping.pages import HITS_PER_PAGE
from turnwise.envs.shopping.queries import best_query, queries_of


def test_runs_of_words() -> None:
    assert queries_of("The red mug for a RED desk") == sorted(
        [
            "red",
            "mug",
            "desk",
            "red mug",
            "mug red",
            "red desk",
            "red mug red",
            "mug red desk",
            "red mug red desk",
        ]
    )
    assert queries_of("a b c d e")[-1] == "e"
    assert max(query.count(" ") for query in queries_of("one two three four five six")) == 3
    assert queries_of("the and of") == []


def test_a_long_instruction_gives_a_bounded_list() -> None:
    told = " ".join(f"word{number}" for number in range(5_000))
    assert len(queries_of(told)) == 60 + 59 + 58 + 57


def test_the_best_query_reaches_the_earliest_page(small_shop: Catalogue) -> None:
    assert best_query("please a stoneware mug", "B0MUG00001", small_shop) == "stoneware"
    assert best_query("please a travel mug", "B0MUG00001", small_shop) == "mug"
    assert best_query("something else entirely", "B0MUG00001", small_shop) is None


@pytest.fixture(scope="module")
def env() -> Any:
    return turnwise.make("shopping/generated-v0", difficulty="mix", split="unseen", choices=True)


def test_only_words_of_the_instruction_are_listed(env: Any) -> None:
    for seed in range(20):
        _, info = env.reset(seed=seed)
        words = [word for word in split_words(info["instruction"]) if word not in STOP_WORDS]
        assert info["admissible"] == sorted(set(info["admissible"]))
        assert {f"search[{word}]" for word in words} <= set(info["admissible"])
        for action in info["admissible"]:
            run = action.removeprefix("search[").removesuffix("]")
            assert f" {run} " in f" {' '.join(words)} "
        *_, info = env.step(info["admissible"][0])
        assert all(action.startswith("click[") for action in info["admissible"])
        *_, info = env.step("click[back to search]")
        assert info["admissible"][0].startswith("search[")
        observation, *_ = env.step("search[words of nobody]")
        assert "Page 1" in observation


def test_the_expert_keeps_to_the_list_and_buys(env: Any) -> None:
    for seed in range(25):
        _, info = env.reset(seed=seed, options={"expert": True, "answer": True})
        asin = info["private"]["answer"]["asin"]
        shop, query = generated_catalogue(), best_query(info["instruction"], asin, generated_catalogue())
        assert query is not None
        page = shop.search(query).index(asin) // HITS_PER_PAGE
        pages = (shop.search(other) for other in queries_of(info["instruction"]))
        assert page == min(hits.index(asin) // HITS_PER_PAGE for hits in pages if asin in hits)
        reward, done = 0.0, False
        while not done:
            action = info["private"]["expert"]
            assert action in info["admissible"]
            _, reward, terminated, truncated, info = env.step(action)
            done = terminated or truncated
        assert reward == 1.0


def test_without_choices_nothing_is_listed() -> None:
    _, info = turnwise.make("shopping/generated-v0").reset(seed=0)
    assert info["admissible"] is None


def test_the_contract_holds_with_choices() -> None:
    for env_id in ("shopping/generated-v0", "search/generated-v1"):
        verdicts = check_environment(env_id, {"choices": True}, seeds=(0, 1))
        assert [verdict for verdict in verdicts if verdict.outcome != "passed"] == []
