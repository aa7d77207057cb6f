"""The cache between turns: all conversations under way fit, and a row that ends for good is not copied."""

from __future__ import annotations

import asyncio

import pytest

from turnwise.agents.models import Rows
from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.tiny import TinyConfig, TinyLM, TinyTokenizer, save_checkpoint
from turnwise.agents.types import GenerationRequest, Message

pytest.importorskip("transformers")
TEXTS = ["You see a drawer 1, a shelf 2.", "go to drawer 1", "take apple 2 from shelf 2"] * 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    words = TinyTokenizer.train(TEXTS, 300)
    place = tmp_path_factory.mktemp("qwen2")
    save_checkpoint(TinyLM(TinyConfig(words.vocab_size, 16, 2, 2, 1, 16, max_positions=512)), words, place)
    return str(place)


def converse(policy: TransformersPolicy, rows: int, *, named: bool = True) -> list[dict[str, float]]:
    """Play three turns of some conversations; return the figures of each turn."""

    async def play() -> list[dict[str, float]]:
        asked = [
            GenerationRequest(
                messages=(Message("user", "go to drawer 1 " * (2 + row % 3)),),
                key=(row,),
                max_tokens=5,
                conversation=str(row) if named else None,
            )
            for row in range(rows)
        ]
        figures = []
        for turn in range(3):
            said = await asyncio.gather(*map(policy.generate, asked))
            figures.append(policy.take_figures())
            reply = (Message("user", "take apple 2 from shelf 2"),)
            asked = [
                GenerationRequest(
                    prompt_ids=g.prompt_ids + g.token_ids + policy.encode_reply(reply, g.finish_reason),
                    key=(row, turn),
                    max_tokens=5,
                    conversation=str(row) if named else None,
                )
                for row, g in enumerate(said)
            ]
        return figures

    return asyncio.run(play())


def test_only_new_tokens_are_run_where_the_cache_has_room(folder: str) -> None:
    first, second, third = converse(TransformersPolicy(folder, device="cpu", cache_tokens=4096), 12)
    assert first["cache/run_tokens"] == first["cache/prompt_tokens"]
    # each reply has the same number of new tokens, and the last token that was said is new to the cache
    assert second["cache/run_tokens"] == third["cache/run_tokens"] < second["cache/prompt_tokens"] / 2
    assert third["cache/dropped"] == 0
    assert third["cache/held_tokens"] >= third["cache/prompt_tokens"]


def test_what_too_small_a_cache_costs_is_counted(folder: str) -> None:
    *_, third = converse(TransformersPolicy(folder, device="cpu", cache_tokens=100), 12)
    assert third["cache/dropped"] >= 8
    assert third["cache/run_tokens"] > third["cache/prompt_tokens"] / 2
    assert 0 < third["cache/held_tokens"] <= 100


def test_rows_that_go_nowhere_are_not_copied_out(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[int] = []
    store = Rows._store

    def note(rows: Rows, place: int, row: int) -> None:
        stored.append(row)
        store(rows, place, row)

    monkeypatch.setattr(Rows, "_store", note)
    policy = TransformersPolicy(folder, device="cpu")
    *_, last = converse(policy, 6, named=False)
    assert stored == []
    assert last["cache/held_tokens"] == 0
    converse(policy, 6)
    assert sorted(set(stored)) == list(range(6))
