"""What a lesson of copying says is known is known, and looking back makes it quick to learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.tiny.checkpoint import load_checkpoint
from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.tiny.previous_token import look_back
from turnwise.agents.tiny.tokenizer import ACTION, END, OBSERVATION, SPECIAL_TOKENS, TASK
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.sections import WarmstartSection
from turnwise.trainers.warmstart import copying
from turnwise.trainers.warmstart.copying import learn_copying, lesson, look_up, recognise, say_again
from turnwise.trainers.warmstart.warmstart import warm_start

END_ID, TASK_ID, OBSERVATION_ID, ACTION_ID = (
    SPECIAL_TOKENS.index(each) for each in (END, TASK, OBSERVATION, ACTION)
)
SMALL = TinyConfig(
    vocab_size=300, hidden_size=64, num_layers=2, num_heads=2, num_kv_heads=1, intermediate_size=96
)
SECTION = WarmstartSection(copy_steps=160, optimizer="muon", learning_rate=3e-3)


def attention(model: TinyLM, ids: torch.Tensor, head: int) -> torch.Tensor:
    """Return [L] how much the last token looks at each, in a head of the first layer that has key head 0."""
    layer, length = model.blocks()[0], len(ids)
    q, k, _ = layer.project(model.embed(ids), model.cos[:length], model.sin[:length])
    return ((q[-1, head] * k[:, 0]).sum(-1) / model.config.head_size**0.5).softmax(-1)


@pytest.mark.parametrize(("head", "back"), [(0, 1), (1, 2)])
@pytest.mark.parametrize("length", [8, 90])
def test_heads_look_back_wherever_they_stand(head: int, back: int, length: int) -> None:
    model, ids = TinyLM(TinyConfig(), seed=1), torch.arange(5, 5 + length)
    before = attention(model, ids, head)
    look_back(model)
    after = attention(model, ids, head)
    assert float(before.max().detach()) < 3.0 / length
    assert int(after.argmax()) == length - 1 - back
    assert float(after.max().detach()) > 0.6


def test_looking_back_sets_biases_of_one_key_head_and_nothing_else() -> None:
    plain, looking = TinyLM(SMALL, seed=1), TinyLM(SMALL, seed=1)
    look_back(looking)
    changed = [n for n, w in plain.state_dict().items() if not torch.equal(w, looking.state_dict()[n])]
    assert changed == ["layers.0.qkv.bias"]
    c, bias = SMALL, looking.state_dict()["layers.0.qkv.bias"]
    set_ = bias != 0
    assert set_[: c.q_size].all()  # both query heads belong to the one key head
    assert int(set_[c.q_size :].sum()) == c.head_size // 2


@given(seed=st.integers(0, 2**32 - 1), length=st.sampled_from([48, 160]), vocab_size=st.integers(40, 2000))
def test_a_phrase_that_is_known_was_said_before(seed: int, length: int, vocab_size: int) -> None:
    taught = lesson(np.random.default_rng(seed), vocab_size, length, [say_again])
    assert taught.ids_BL.shape == taught.known_BL.shape
    assert taught.ids_BL.shape[1] == length
    assert taught.ids_BL.min() >= len(SPECIAL_TOKENS) and taught.ids_BL.max() < vocab_size
    assert not taught.known_BL[:, 0].any()
    for ids, known in zip(taught.ids_BL.tolist(), taught.known_BL.tolist(), strict=True):
        pairs: set[tuple[int, int]] = set()
        for place in range(1, length):
            pair = (ids[place - 1], ids[place])
            assert not known[place] or pair in pairs
            pairs.add(pair)


def parts(ids: list[int], known: list[bool]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield what was said and the answer, for each answer of a row that is whole."""
    said: list[int] = []
    answer: list[int] = []
    for token, is_known in zip(ids, known, strict=True):
        (answer if is_known else said).append(token)
        if answer and token == END_ID:
            yield list(said), answer[:-1]
            answer = []


def holds(whole: list[int], part: list[int]) -> list[int]:
    """Return the places where a part begins."""
    return [at for at in range(len(whole) - len(part) + 1) if whole[at : at + len(part)] == part]


@given(seed=st.integers(0, 2**32 - 1), vocab_size=st.integers(40, 2000))
def test_what_is_recognised_is_mentioned_and_listed(seed: int, vocab_size: int) -> None:
    taught = lesson(np.random.default_rng(seed), vocab_size, 160, [recognise])
    for ids, known in zip(taught.ids_BL.tolist(), taught.known_BL.tolist(), strict=True):
        shown = ids[ids.index(OBSERVATION_ID) : ids.index(ACTION_ID)]
        for said, answer in parts(ids, known):
            task = said[len(said) - 1 - said[::-1].index(TASK_ID) :]
            assert 1 <= len(answer) <= 4
            assert holds(task, answer) and holds(shown, answer)


@given(seed=st.integers(0, 2**32 - 1), vocab_size=st.integers(40, 2000))
def test_a_code_that_is_looked_up_stands_before_a_name_that_was_mentioned(seed: int, vocab_size: int) -> None:
    taught = lesson(np.random.default_rng(seed), vocab_size, 160, [look_up])
    for ids, known in zip(taught.ids_BL.tolist(), taught.known_BL.tolist(), strict=True):
        shown = ids[ids.index(OBSERVATION_ID) + 1 : ids.index(ACTION_ID)]
        for said, code in parts(ids, known):
            task = said[len(said) - 1 - said[::-1].index(TASK_ID) :]
            behind = [shown[at + len(code) + 1 :] for at in holds(shown, code)]  # one comma between
            assert any(holds(task, rest[:size]) for rest in behind for size in (1, 2, 3, 4))


def right(model: TinyLM) -> float:
    """Return the share of known tokens of a fresh lesson that a model gives the most probability."""
    taught = lesson(np.random.default_rng(99), model.vocab_size, 48, [say_again])
    ids, known = torch.from_numpy(taught.ids_BL), torch.from_numpy(taught.known_BL[:, 1:])
    with torch.no_grad():
        logits = model.head(model.hidden(ids, torch.full((len(ids),), 48)))[:, :-1][known]
    return float((logits.argmax(-1) == ids[:, 1:][known]).float().mean())


def test_copying_is_learned_from_heads_that_look_back() -> None:
    plain, looking = TinyLM(SMALL, seed=2), TinyLM(SMALL, seed=2)
    look_back(looking)
    told: list[float] = []
    learn_copying(plain, SECTION, 0, lambda text, share: None)
    learn_copying(looking, SECTION, 0, lambda text, share: told.append(share))
    assert right(looking) > 0.7
    assert right(plain) < 0.4
    assert told == [step / 160 for step in range(1, 161)]


def test_short_phrases_come_first_and_a_seed_has_its_own_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, tuple[copying.Exercise, ...], bytes]] = []

    def noted(
        rng: np.random.Generator, vocab_size: int, length: int, exercises: tuple[copying.Exercise, ...]
    ) -> copying.Lesson:
        taught = lesson(rng, vocab_size, length, exercises)
        given.append((length, exercises, taught.ids_BL.tobytes()))
        return taught

    monkeypatch.setattr(copying, "lesson", noted)
    for seed in (0, 1, 0):
        section = replace(SECTION, copy_steps=4)
        learn_copying(TinyLM(SMALL, seed=2), section, seed, lambda text, share: None)
    every = (say_again, recognise, look_up)
    wanted = [(48, (say_again,)), (96, every), (160, every), (160, every)]
    assert [(length, exercises) for length, exercises, _ in given] == wanted * 3
    first, second, again = ([ids for _, _, ids in given[at : at + 4]] for at in (0, 4, 8))
    assert first == again
    assert not set(first) & set(second)


def test_a_new_policy_copies_first_and_one_that_goes_on_does_not(
    taught: Callable[..., Recipe], tmp_path: Path
) -> None:
    section = {"episodes": 20, "max_steps": 2, "only_won": False, "optimizer": "muon", "copy_steps": 3}
    first, more = list[str](), list[str]()
    warm_start(
        taught(warmstart=section), tmp_path / "new", lambda text, share: first.append(text.split(":")[0])
    )
    assert first.count("copying") == 3
    assert first.index("copying") < first.index("cloning")
    warm_start(
        taught(warmstart=section),
        tmp_path / "more",
        lambda text, share: more.append(text.split(":")[0]),
        start=tmp_path / "new",
    )
    assert "copying" not in more
    model, _ = load_checkpoint(tmp_path / "new")
    assert float(model.state_dict()["layers.0.qkv.bias"].abs().max()) > 4.0
