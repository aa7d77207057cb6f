"""Calls in a model's own form become the actions that environments read.

1. Hermes, Llama 3 and OpenAI forms of one call are one and the same action.
2. Of several calls none is taken; what cannot be read is sent as it is and is malformed.
3. Any text gets an answer, and calls inside thoughts are none.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.prompts.parse import parse_action
from turnwise.agents.prompts.tool_calls import read_native
from turnwise.agents.types import Generation
from turnwise.envs.tools import command

FIND: dict[str, Any] = {"name": "find", "description": "look", "parameters": {"type": "object"}}
SEARCH = command("search", "<search>{query}</search>", "look it up")
TOOLS = (FIND, SEARCH)
CALL = '{"name": "find", "arguments": {"query": "Ann", "most": 2}}'
ACTION = f"<tool_call>{CALL}</tool_call>"


def read(text: str = "", calls: tuple[dict[str, Any], ...] = (), opened: bool | None = None) -> Any:
    return read_native(Generation(text, tool_calls=calls), TOOLS, 4096, opened)


ARGUMENTS = {"query": "Ann", "most": 2}
FORMS = {
    "hermes": (f"<tool_call>\n{CALL}\n</tool_call>", ()),
    "with words": (f"I look her up.\n<tool_call>{CALL}</tool_call>\n", ()),
    "with a thought": (f"<think>or <tool_call>x</tool_call>?</think>{ACTION}", ()),
    "arguments as text": (
        f"<tool_call>{json.dumps({'name': 'find', 'arguments': json.dumps(ARGUMENTS)})}</tool_call>",
        (),
    ),
    "llama": (json.dumps({"name": "find", "parameters": ARGUMENTS}), ()),
    "llama with a tag": (f"<|python_tag|>{json.dumps({'name': 'find', 'parameters': ARGUMENTS})}", ()),
    "openai": (
        "",
        (
            {
                "id": "a",
                "type": "function",
                "function": {"name": "find", "arguments": json.dumps(ARGUMENTS)},
            },
        ),
    ),
    "openai, the older one": ("", ({"name": "find", "arguments": json.dumps(ARGUMENTS)},)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_action(form: str) -> None:
    parsed = read(*FORMS[form])
    assert (parsed.fault, parsed.action) == ("", ACTION)


def test_words_of_the_environment_are_used_where_it_has_them() -> None:
    text = '<tool_call>{"name": "search", "arguments": {"query": "who?"}}</tool_call>'
    parsed = read(f"<think>hm</think>{text}")
    assert parsed.action == "<search>who?</search>"
    assert f"<think>hm</think>{text}"[slice(*parsed.action_chars)] == text
    assert parsed.think_chars == (7, 9)


@pytest.mark.parametrize("text", [ACTION * 2, f"{ACTION} and {ACTION}", f"{CALL}; {CALL}", f"{CALL}\n{CALL}"])
def test_of_several_calls_none_is_taken(text: str) -> None:
    parsed = read(text)
    assert (parsed.fault, parsed.action) == ("several_calls", f"{ACTION}\n{ACTION}")
    assert parsed.malformed


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{</tool_call>", '<tool_call>{"name": 3}</tool_call>', f"<tool_call>{CALL}", "<tool_call>",
        '<tool_call>{"name": "find", "arguments": [1]}</tool_call>',
        f"{ACTION}<tool_call>no</tool_call>", f"<tool_call>{'[' * 5_000}</tool_call>",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_sent_as_it_is(text: str) -> None:
    parsed = read(text)
    assert (parsed.fault, parsed.action) == ("bad_call", text[:4096])


def test_what_an_endpoint_gives_and_cannot_be_read_is_sent_too() -> None:
    broken = {"id": "a", "function": {"name": "find", "arguments": '{"query": '}}
    parsed = read("", (broken,))
    assert (parsed.fault, json.loads(parsed.action)) == ("bad_call", [broken])


def test_a_call_that_the_environment_has_no_words_for_is_malformed() -> None:
    unknown = Generation('<tool_call>{"name": "fly", "arguments": {}}</tool_call>')
    assert read_native(unknown, TOOLS, 4096, None).fault == ""  # one that reads calls says so itself
    assert read_native(unknown, (SEARCH,), 4096, None).fault == "bad_call"
    assert read_native(unknown, (), 4096, None).fault == "bad_call"


@pytest.mark.parametrize("text", ["I am done.", "", '{"no": "name"}', f"{CALL} and so on", "{", "look"])
def test_a_message_without_a_call_is_read_as_it_stands(text: str) -> None:
    assert read(text) == parse_action(text, "plain")


@given(
    st.text()
    | st.lists(st.sampled_from(["<tool_call>", "</tool_call>", CALL, "<think>", "</think>", ";", "{"])).map(
        "".join
    )
)
def test_any_text_gets_an_answer(text: str) -> None:
    for opened in (None, True, False):
        parsed = read(text, opened=opened)
        assert len(parsed.action) <= 4096
        parsed.action.encode()
