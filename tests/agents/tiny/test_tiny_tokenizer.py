"""Any text comes back; words are tokens; markers in a text are text; conversations grow by appending."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.tiny import TinyTokenizer
from turnwise.agents.tiny.tokenizer import ACTION, END, OBSERVATION, SPECIAL_TOKENS, TASK
from turnwise.agents.types import Message
from turnwise.errors import CheckpointError, UsageError

TEXTS = [
    "You are in a kitchen. You see a drawer 1, a shelf 2, a cabinet 3, a fridge 12.",
    "go to drawer 1",
] * 4
WORDS = TinyTokenizer.train(TEXTS, 400)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back(text: str) -> None:
    assert WORDS.decode(WORDS.encode(text)) == text


def pieces(text: str) -> list[str]:
    return [WORDS.decode([token]) for token in WORDS.encode(text)]


def test_set_phrases_are_one_token_and_names_stay_apart_from_numbers() -> None:
    assert pieces("go to drawer 1") == ["go to", " drawer", " 1"]
    assert pieces("You see a drawer 1, a shelf 2") == ["You see a", " drawer", " 1", ", a", " shelf", " 2"]
    assert pieces(" fridge") == [" fridge"]


@pytest.mark.parametrize("text", ["a b " * 20_000, "!" * 50_000 + " x 1", " " * 50_000, "a" * 50_000])
def test_hostile_text_takes_linear_time_and_comes_back(text: str) -> None:
    assert WORDS.decode(WORDS.encode(text)) == text


def test_markers_in_a_text_are_text() -> None:
    ids = WORDS.encode(f"open {END} {ACTION}{TASK}")
    assert min(ids) >= 5
    assert WORDS.decode(ids) == f"open {END} {ACTION}{TASK}"


NAMES = st.sampled_from(SPECIAL_TOKENS)
PIECES = (
    NAMES
    | NAMES.map(lambda name: name[:-1])
    | NAMES.map(lambda name: name[1:])
    | st.sampled_from([" ", "go"])
)


@given(st.lists(PIECES, max_size=6).map("".join), st.sampled_from(["stop", "length"]))
def test_nothing_that_a_message_says_is_a_marker(text: str, finish_reason: Any) -> None:
    for words in (WORDS, TinyTokenizer.from_json(WORDS.to_json())):
        talk = (Message("system", text), Message("user", text))
        prompt, reply = words.encode_prompt(talk), words.encode_reply(talk[1:], finish_reason)
        said = words.encode(text)
        assert [token for token in prompt if token < 5] == [2, 3, 4]
        assert [token for token in reply if token < 5] == [*([] if finish_reason == "stop" else [1]), 3, 4]
        assert prompt == (2, *said, 3, *said, 4)
        assert words.decode(said) == text


def test_a_tokenizer_whose_markers_can_be_written_is_refused() -> None:
    described = json.loads(WORDS.to_json())
    for token in described["added_tokens"]:
        token["special"] = False
    with pytest.raises(CheckpointError, match="mark these tokens as special"):
        TinyTokenizer.from_json(json.dumps(described))


def test_rendering() -> None:
    task, seen, said = WORDS.encode("task"), WORDS.encode("seen"), WORDS.encode("go")
    marks = {mark: number for number, mark in enumerate(("pad", END, TASK, OBSERVATION, ACTION))}
    prompt = WORDS.encode_prompt((Message("system", "task"), Message("user", "seen")))
    assert prompt == (marks[TASK], *task, marks[OBSERVATION], *seen, marks[ACTION])
    reply = (Message("user", "seen"),)
    assert WORDS.encode_reply(reply, "stop") == (marks[OBSERVATION], *seen, marks[ACTION])
    assert WORDS.encode_reply(reply, "length") == (marks[END], marks[OBSERVATION], *seen, marks[ACTION])
    whole = (
        Message("system", "task"),
        Message("user", "seen"),
        Message("assistant", "go"),
        Message("user", "seen"),
    )
    assert prompt + said + (marks[END],) + WORDS.encode_reply(reply, "stop") == WORDS.encode_prompt(whole)


def test_char_ends() -> None:
    ids = (*WORDS.encode("go to drawer 1"), WORDS.end_id)
    assert WORDS.char_ends(ids, "go to drawer 1") == (5, 12, 14, 14)
    assert WORDS.char_ends(ids, "go to") == (5, 5, 5, 5)
    text = "a\u00e9\u4e2d!"
    ends = WORDS.char_ends(WORDS.encode(text), text)
    assert (len(ends), ends[0], ends[-2], ends[-1]) == (7, 1, 3, 4)
    assert WORDS.char_ends((), "") == ()


def test_the_transformers_library_renders_the_same(folder: Path, tokenizer: TinyTokenizer) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    talk = [("system", "You see a fridge 12"), ("user", "Look."), ("assistant", "go"), ("user", "\u00e9 1")]
    chat = [{"role": role, "content": content} for role, content in talk]
    ids = theirs.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    assert tuple(ids) == tokenizer.encode_prompt(tuple(Message(role, content) for role, content in talk))
    assert (theirs.eos_token, theirs.pad_token) == (END, "<|pad|>")


def test_training_is_the_same_in_every_process() -> None:
    code = (
        "from turnwise.agents.tiny import TinyTokenizer\n"
        f"print(TinyTokenizer.train({TEXTS!r}, 400).to_json(), end='')"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout == WORDS.to_json()


def test_too_small_a_vocabulary_is_refused() -> None:
    with pytest.raises(UsageError, match="vocab_size 100: expected at least 261"):
        TinyTokenizer.train(["a"], 100)
