"""Where tokens end in their text: as decoding every prefix says, in linear time.

1. Equal to decoding each prefix, for any tokens: byte-level, byte fallback, pieces.
2. A token is decoded once, however long the message is.
3. Special tokens are left out, apart from those that mark calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from chats import CHATML, KINDS, tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.agents.prompts.char_ends import CharEnds


@cache
def ends_of(kind: str) -> CharEnds:
    return CharEnds(tokenizer(kind, CHATML))


@cache
def unsaid(kind: str) -> frozenset[int]:
    """Return the special tokens that no agent says."""
    made = tokenizer(kind, CHATML)
    return frozenset(made.all_special_ids) - set(
        made.convert_tokens_to_ids(["[TOOL_CALLS]", "<|python_tag|>"])
    )


def decoded(kind: str, ids: Sequence[int]) -> str:
    kept = [token for token in ids if token not in unsaid(kind)]
    text: str = tokenizer(kind, CHATML).decode(
        kept, skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    return text


def by_prefixes(kind: str, ids: Sequence[int], text: str) -> tuple[int, ...]:
    """Decode every prefix, which takes quadratic time."""
    ends: list[int] = []
    for count in range(1, len(ids)):
        prefix = decoded(kind, ids[:count]).rstrip("\ufffd")
        ends.append(max(ends[-1] if ends else 0, min(len(prefix), len(text))))
    return (*ends, len(text)) if ids else ()


def ids_of(kind: str, text: str) -> list[int]:
    found: list[int] = tokenizer(kind, CHATML)(text, add_special_tokens=False)["input_ids"]
    return found


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from(" \n<>é\u2581\ufffd\u4f60\U0001f600"))


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_texts_and_any_tokens_end_as_their_prefixes_say(kind: str, data: st.DataObject) -> None:
    size = len(tokenizer(kind, CHATML))
    some = st.lists(st.integers(0, size + 5), max_size=6) | TEXTS.map(lambda text: ids_of(kind, text))
    ids = [token for part in data.draw(st.lists(some, max_size=4)) for token in part]
    text = decoded(kind, ids)
    shown = text[: data.draw(st.integers(0, len(text)))] if data.draw(st.booleans()) else text
    assert ends_of(kind)(ids, shown) == by_prefixes(kind, ids, shown)


@pytest.mark.parametrize("kind", ["bytes", "always"])
@settings(deadline=None, max_examples=80)
@given(
    st.lists(
        st.sampled_from([0xE4, 0xED, 0xBD, 0xA0, 0xF0, 0x9F, 0x98, 0x80, 0xC3, 0xFF, 0x61, 0x20, -1, -2]),
        max_size=14,
    )
)
def test_broken_bytes_end_as_their_prefixes_say(kind: str, data: list[int]) -> None:
    made = tokenizer(kind, CHATML)
    letters = {0xE4: "ä", 0xBD: "½", 0xA0: "ł", 0xF0: "ð", 0x9F: "Ł", 0x98: "ĺ", 0x80: "Ģ", 0xC3: "Ã"}
    letters |= {0xED: "í", 0xFF: "ÿ", 0x61: "a", 0x20: "Ġ", -1: "<|im_end|>", -2: "<think>"}
    names = letters if kind == "bytes" else {byte: f"<0x{byte:02X}>" for byte in letters if byte >= 0}
    ids = [made.convert_tokens_to_ids(names.get(byte, letters[byte])) for byte in data]
    assert made.unk_token_id not in ids
    text = decoded(kind, ids)
    assert ends_of(kind)(ids, text) == by_prefixes(kind, ids, text)


@pytest.mark.parametrize("kind", KINDS)
def test_each_token_is_decoded_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, counted = CharEnds(tokenizer(kind, CHATML)), 0

    def counting(ids: Sequence[int]) -> str:
        nonlocal counted
        counted += len(ids)
        return decoded(kind, ids)

    monkeypatch.setattr(made, "decode", counting)
    ids = ids_of(kind, "go to desk 1\n you see a mug \U0001f600" * 200)
    ends: Any = made(ids, decoded(kind, ids))
    assert len(ends) == len(ids) > 1000
    assert counted <= 2 * len(set(ids)) + 1


def test_marks_of_calls_are_said() -> None:
    made = tokenizer("bytes", CHATML)
    ids = made("[TOOL_CALLS]go<|im_end|>", add_special_tokens=False)["input_ids"]
    assert ends_of("bytes").decode(ids) == "[TOOL_CALLS]go"
    assert ends_of("bytes")(ids, "[TOOL_CALLS]go")[0] == len("[TOOL_CALLS]")
