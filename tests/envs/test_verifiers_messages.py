"""Chat requests as observations, and actions as completions, without verifiers itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import turnwise
from turnwise.envs.adapters.verifiers.messages import completion, events, key_of, shown
from turnwise.errors import UsageError

ASKED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Go?"}]},
]
TOOLS = {"tools": [{"type": "function", "function": {"name": "go"}}], "model": "m"}
GO = '<tool_call>{"name": "go", "arguments": {"where": "east"}}</tool_call>'


def test_what_is_new_is_shown() -> None:
    assert shown(ASKED, []) == "Be brief.\n\nGo?"
    answered = [*ASKED, {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}]
    told = [{"role": "tool", "content": "a wall", "tool_call_id": "a"}, {"role": "user", "content": "And?"}]
    assert shown([*answered, *told], ASKED) == "a wall\n\nAnd?"
    assert shown(told, ASKED) == "a wall\n\nAnd?"  # another conversation, or one that was compacted
    assert shown([{"role": "user", "content": [{"type": "image_url"}]}], []) == "[image_url]"
    assert key_of(ASKED) != key_of([*ASKED, *told]) and key_of(ASKED) == key_of(json.loads(json.dumps(ASKED)))


def test_calls_are_calls_where_tools_are_offered() -> None:
    message = completion(f"I go. {GO}{GO}", TOOLS, 3)["choices"][0]["message"]
    assert message["content"] == "I go."
    assert [call["id"] for call in message["tool_calls"]] == ["call_3_0", "call_3_1"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"where": "east"}
    for action, body in (
        (GO, {}),
        ("<tool_call>go</tool_call>", TOOLS),
        (f"{GO}<tool_call>[]</tool_call>", TOOLS),
    ):
        (choice,) = completion(action, body, 0)["choices"]
        assert (
            choice["message"] == {"role": "assistant", "content": action}
            and choice["finish_reason"] == "stop"
        )


@given(st.text(), st.booleans())
def test_any_action_is_a_completion_and_a_stream(action: str, offered: bool) -> None:
    document = completion(action, TOOLS if offered else {}, 0)
    first, last = events(document)
    chunk = json.loads(first.decode().removeprefix("data: "))
    assert chunk["choices"][0]["delta"]["content"] == document["choices"][0]["message"]["content"]
    assert last == b"data: [DONE]\n\n"


def test_without_verifiers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "verifiers", None)
    with pytest.raises(UsageError, match="pip install verifiers"):
        turnwise.make("verifiers:gsm8k-v1")
    wrong: dict[str, Any] = {"max_tasks": 0}
    with pytest.raises(UsageError, match="max_tasks 0"):
        turnwise.make("verifiers:gsm8k-v1", **wrong)
