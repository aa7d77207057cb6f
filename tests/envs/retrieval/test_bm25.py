"""BM25 against Lucene's recorded scores, against the formula by hand, and against itself.

1. Words: Unicode boundaries, possessives, stop words, Porter stems of the paper's own examples.
2. Lengths in Lucene's one-byte form.
3. Scores by hand for three short documents; ties in document order; repeated query words.
4. Pruning changes nothing: a large index answers as an exhaustive scan does.
5. The recorded answers of the original engine (needs the benchmark data).
6. Any text is a query.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.envs.retrieval import bm25
from turnwise.envs.retrieval.bm25 import Bm25Index, quantised_lengths
from turnwise.envs.retrieval.stemmer import stem
from turnwise.envs.retrieval.words import analyse, split_words
from turnwise.errors import UsageError

STEMS = {
    "caresses": "caress", "ponies": "poni", "cats": "cat", "feed": "feed", "agreed": "agre",
    "plastered": "plaster", "motoring": "motor", "sing": "sing", "conflated": "conflat",
    "troubled": "troubl", "sized": "size", "hopping": "hop", "falling": "fall", "failing": "fail",
    "filing": "file", "happy": "happi", "sky": "sky", "relational": "relat", "rational": "ration",
    "digitizer": "digit", "vietnamization": "vietnam", "predication": "predic", "feudalism": "feudal",
    "sensibiliti": "sensibl", "triplicate": "triplic", "formalize": "formal", "goodness": "good",
    "adjustable": "adjust", "replacement": "replac", "adoption": "adopt", "homologou": "homolog",
    "effective": "effect", "probate": "probat", "rate": "rate", "cease": "ceas", "controll": "control",
    "roll": "roll", "possibly": "possibl", "archaeology": "archaeolog", "as": "as", "ties": "ti",
}  # fmt: skip


@pytest.mark.parametrize(("word", "expected"), STEMS.items())
def test_stems_of_the_paper(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_words_follow_unicode_boundaries() -> None:
    text = "Men's 3.5oz a:b 1,000.5 x5.5 U.S.A. caf\u00e9 \u00bd 5' 12:30 foo_bar \u65e5\u672c 1a,2b \u2605hi"
    assert split_words(text) == [
        "men's", "3.5oz", "a:b", "1,000.5", "x5.5", "u.s.a", "caf\u00e9", "5", "12", "30",
        "foo_bar", "\u65e5", "\u672c", "1a", "2b", "\u2605", "hi",
    ]  # fmt: skip


def test_analysis_drops_possessives_and_stop_words() -> None:
    assert analyse("The women's SHOES, and a dog's and it's __") == ["women", "shoe", "dog"]


def test_long_words_are_cut() -> None:
    assert [len(word) for word in split_words("x" * 600)] == [255, 255, 90]


def test_lengths_lose_all_but_four_bits() -> None:
    lengths = np.array([0, 23, 24, 39, 40, 41, 42, 55, 56, 59, 60, 1000, 2**31 - 1])
    expected = [0, 23, 24, 39, 40, 40, 42, 54, 56, 56, 60, 984, 24 + (15 << 27)]
    assert quantised_lengths(lengths).tolist() == expected


def test_scores_by_hand() -> None:
    index = Bm25Index.build(["red apple", "red red pear tree", "green pear"])
    average = 8 / 3

    def term(tf: int, length: int, df: int) -> float:
        idf = math.log(1 + (3 - df + 0.5) / (df + 0.5))
        return idf * tf / (tf + 0.9 * (0.6 + 0.4 * length / average))

    documents, scores = index.search("pear red", 3)
    by_hand = {0: term(1, 2, 2), 1: term(2, 4, 2) + term(1, 4, 2), 2: term(1, 2, 2)}
    assert documents.tolist() == [1, 0, 2]  # 0 and 2 tie: document order
    assert scores == pytest.approx([by_hand[i] for i in documents], abs=1e-6)
    assert index.search("apple apple", 1)[1][0] == pytest.approx(2 * index.search("apple", 1)[1][0], rel=1e-6)


def test_nothing_found_is_empty() -> None:
    index = Bm25Index.build(["red apple", ""])
    for query in ("", "the", "zebra", "\x00"):
        assert index.search(query, 3)[0].tolist() == []
    assert Bm25Index.build([]).search("apple", 3)[0].tolist() == []
    assert index.search("apple", 0)[0].tolist() == []


def test_parameters_are_checked() -> None:
    with pytest.raises(UsageError, match="b in"):
        Bm25Index.build(["a"], b=1.5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pruning_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    vocabulary = [f"w{i}" for i in range(300)]
    weights = 1 / np.arange(1, 301)
    draws = rng.choice(300, size=(3000, 12), p=weights / weights.sum())
    index = Bm25Index.build(" ".join(vocabulary[i] for i in row) for row in draws)
    queries = [" ".join(vocabulary[i] for i in rng.choice(300, size=6)) for _ in range(40)]
    exhaustive = [index.search(query, 5) for query in queries]
    monkeypatch.setattr(bm25, "_MANY_DOCUMENTS", 1)
    for query, (documents, scores) in zip(queries, exhaustive, strict=True):
        pruned = index.search(query, 5)
        assert pruned[0].tolist() == documents.tolist()
        assert pruned[1] == pytest.approx(scores, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_query_and_a_document(text: str) -> None:
    index = Bm25Index.build([text, "filler words here"])
    documents, scores = index.search(text, 2)
    assert len(documents) == len(scores)
    if analyse(text):
        assert 0 in documents.tolist()


def document(product: dict) -> str:
    """Write a product as the original index does."""
    bullets = product["small_description"]
    options = [
        f"{name.lower()}: " + ", ".join(v["value"].strip().replace("/", " | ").lower() for v in values)
        for name, values in (product["customization_options"] or {}).items()
        if values is not None
    ]
    first = bullets[0] if isinstance(bullets, list) else bullets
    return " ".join([product["name"], product["full_description"], first, ", and ".join(options)]).lower()


def test_recorded_answers_of_the_original_engine(benchmark_data: Path) -> None:
    products = json.loads((benchmark_data / "webshop/items_shuffle_1000.json").read_text())
    asins = [product["asin"] for product in products]
    index = Bm25Index.build(document(product) for product in products)
    golden = json.loads((benchmark_data / "webshop/golden_bm25.json").read_text())
    assert len(golden) == 37
    same = 0
    for case in golden:
        documents, scores = index.search(case["query"], 60)
        score_of = {asins[i]: score for i, score in zip(documents, scores, strict=True)}
        for asin, score in case["hits"]:
            assert score_of[asin] == pytest.approx(score, abs=1e-4)
        same += [asins[i] for i in documents[:10]] == [asin for asin, _ in case["hits"][:10]]
    assert same >= 36
