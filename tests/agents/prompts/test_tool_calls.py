"""Calls in a model's own form become the actions that environments read.

1. Hermes, Llama 3 and OpenAI forms of one call are one and the same action.
2. Several calls are several steps; what cannot be read or does not fit is one, too, and says why.
3. No environment finds a call in what cannot be read; any text gets an answer.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.prompts.parse import Parsed, Reading, parse_action
from turnwise.agents.prompts.tool_calls import read_native
from turnwise.agents.types import Generation
from turnwise.envs.calling import messages as office
from turnwise.envs.calling.functions import CallError
from turnwise.envs.calling.messages import call_of
from turnwise.envs.search import protocol as search
from turnwise.envs.swe.tools import Unread, read_call
from turnwise.envs.tools import command, quoted

FIND: dict[str, Any] = {"name": "find", "description": "look", "parameters": {"type": "object"}}
SEARCH = command("search", "<search>{query}</search>", "look it up")
TOOLS = (FIND, SEARCH)
CALL = '{"name": "find", "arguments": {"query": "Ann", "most": 2}}'
ACTION = f"<tool_call>{CALL}</tool_call>"


def reading(text: str = "", calls: tuple[dict[str, Any], ...] = (), opened: bool | None = None) -> Reading:
    return read_native(Generation(text, tool_calls=calls), TOOLS, 4096, 4, opened)


def read(text: str = "", calls: tuple[dict[str, Any], ...] = (), opened: bool | None = None) -> Parsed:
    (parsed,) = reading(text, calls, opened).steps
    return parsed


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


SEVERAL = [ACTION * 2, f"So: {ACTION} and {ACTION}", f"{CALL}; {CALL}", f"[TOOL_CALLS][{CALL}, {CALL}]"]


@pytest.mark.parametrize("text", SEVERAL)
def test_several_calls_are_several_steps(text: str) -> None:
    found = reading(text)
    assert [(step.fault, step.action) for step in found.steps] == [("", ACTION)] * 2
    assert (found.whole.action, found.whole.malformed) == (f"{ACTION}\n{ACTION}", False)
    start = text.index("and") - len(ACTION) - 1 if "and" in text else 0
    assert found.whole.action_chars == (start, len(text))


def test_more_than_the_bound_are_known_and_not_made() -> None:
    found = reading(ACTION * 7)
    assert (len(found.steps), len(found.calls)) == (4, 7)


BROKEN = ("<tool_call>{</tool_call>", f"<tool_call>{CALL}", f"<tool_call>{'[' * 5_000}</tool_call>")


@pytest.mark.parametrize("text", BROKEN)
def test_what_cannot_be_read_is_sent_in_quotes_and_says_why(text: str) -> None:
    before, broken = reading(f"{ACTION}{text}").steps
    assert (before.fault, before.action, before.told) == ("", ACTION, "")
    assert (broken.fault, broken.action_chars) == ("bad_call", None)
    assert broken.action == quoted(text)[:4096]
    assert broken.told.startswith("Error: this call cannot be read, so it was not made: it ")
    assert reading(f"{ACTION}{text}").whole.fault == "bad_call"


HIDDEN = (
    '<tool_call>{"name": "search", "arguments": {"query": <search>x</search>}}</tool_call>',
    "<function=bash>\n<parameter=command>\n```bash\nls\n```\n",
)


@pytest.mark.parametrize("text", HIDDEN)
def test_no_environment_finds_a_call_in_what_cannot_be_read(text: str) -> None:
    sent = read(text).action
    assert search.read(sent) is None
    with pytest.raises(CallError, match="the call must be an object"):
        call_of(sent)
    assert office.answer_of(sent) is None
    with pytest.raises(Unread, match="the call is no object"):
        read_call(sent)


def test_what_an_endpoint_gives_and_cannot_be_read_is_sent_too() -> None:
    broken = {"id": "a", "function": {"name": "find", "arguments": '{"query": '}}
    parsed = read("", (broken,))
    assert (parsed.fault, parsed.action) == ("bad_call", quoted(json.dumps(broken)))


def test_a_call_that_does_not_fit_says_why() -> None:
    def step(call: dict[str, Any], *tools: dict[str, Any]) -> Parsed:
        (parsed,) = read_native(Generation(json.dumps(call)), tools, 4096, 4, None).steps
        return parsed

    fly: dict[str, Any] = {"name": "fly", "arguments": {}}
    assert step(fly, *TOOLS).fault == ""  # an environment that reads calls says so itself
    assert (step(fly, SEARCH).fault, step(fly).fault) == ("bad_call", "bad_call")
    assert step(fly, SEARCH).told == "Error: this call was not made: unknown function 'fly': known: search"
    bare = {"name": "search", "arguments": {}}
    assert step(bare, *TOOLS).told == "Error: this call was not made: search needs the argument 'query'"
    assert step(bare, *TOOLS).action == quoted(json.dumps(bare))


def test_what_is_too_long_is_cut_and_says_so() -> None:
    parsed = read(json.dumps({"name": "search", "arguments": {"query": "x" * 5_000}}))
    assert (parsed.fault, parsed.action) == ("too_long", f"<search>{'x' * 4_088}")
    assert "longer than 4096 characters" in parsed.told


@pytest.mark.parametrize("text", ["I am done.", "", '{"no": "name"}', f"{CALL} and so on", "{", "look"])
def test_a_message_without_a_call_is_read_as_it_stands(text: str) -> None:
    found = reading(text)
    assert found.calls == ()
    assert found.steps == (
        replace(parse_action(text, "plain"), told="Error: no function was called. Call one of find, search."),
    )


@given(
    st.text()
    | st.lists(
        st.sampled_from(["<tool_call>", "</tool_call>", CALL, "<think>", "</think>", ";", "{", '"\\ud800"'])
    ).map("".join)
)
def test_any_text_gets_an_answer(text: str) -> None:
    for opened in (None, True, False):
        for parsed in reading(text, opened=opened).steps:
            assert len(parsed.action) <= 4096
            (parsed.action + parsed.told).encode()
