"""The action parser: what it reads, what it calls malformed, and that nothing stalls it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.agents.prompts.parse import MAX_ACTION_CHARS, is_inadmissible, parse_action, token_spans
from turnwise.agents.types import Generation, Span

TAGGED = [
    ("<think>x</think><action>go</action>", "go", ""),
    ("<action> go to fridge 1\n</action>", "go to fridge 1", ""),
    ("Well. <action>go</action> Done.", "go", ""),
    ("<think>say <action>x</action>?</think>\n<action>go</action>", "go", ""),
    ("<think></think><action>a\nb</action>", "a\nb", ""),
    ("go", "go", "no_action"),
    ("", "", "no_action"),
    ("<action>go", "<action>go", "no_action"),
    ("go</action>", "go</action>", "no_action"),
    ("</action><action>go", "</action><action>go", "no_action"),
    ("<ACTION>go</ACTION>", "<ACTION>go</ACTION>", "no_action"),
    ("<action>a</action><action>b</action>", "<action>a</action><action>b</action>", "several_actions"),
    ("<action><action>a</action>", "<action><action>a</action>", "several_actions"),
    ("<action>a</action></action>", "<action>a</action></action>", "several_actions"),
    ("<action> \n</action>", "<action> \n</action>", "empty_action"),
    ("<think>hm <action>go</action>", "", "open_think"),
    ("Hm. <think>hm <action>go</action>", "Hm.", "open_think"),
    ("<think>hm</think>", "", "no_action"),
    ("<think>a</think> so <think>or <action>x</action>?</think><action>go</action>", "go", ""),
    ("<action>go</action><think>or <action>x</action>?</think>", "go", ""),
    ("<action>go</action><think>or <action>x", "go", ""),
    ("<think>a <think> b</think><action>go</action>", "go", ""),
    ("<action>write <think></action>", "write <think>", ""),
    # The template has opened the thought.
    ("I could <action>look</action>, no.</think>\n<action>go to desk 1</action>", "go to desk 1", ""),
    ("I could <action>look</action>, no.</think> look", "look", "no_action"),
]


@pytest.mark.parametrize(("text", "action", "fault"), TAGGED)
def test_tags(text, action, fault):
    parsed = parse_action(text)
    assert (parsed.action, parsed.fault, parsed.malformed) == (action, fault, fault != "")
    if not fault:
        assert text[slice(*parsed.action_chars)] == action


@pytest.mark.parametrize(
    ("text", "action", "fault"),
    [
        (" go to fridge 1 \n", "go to fridge 1", ""),
        ("<action>go</action>", "<action>go</action>", ""),
        (" \n", "", "empty_action"),
        ("", "", "empty_action"),
        ("<think>maybe <search>a</search></think><search>Paris</search>", "<search>Paris</search>", ""),
        ("\n<think>a</think>\n<think>b</think> look \n", "look", ""),
        ("maybe <search>a</search></think> <search>Paris</search>", "<search>Paris</search>", ""),
        ("<think>maybe <search>a</search>", "", "open_think"),
        ("<think>maybe look</think> ", "", "empty_action"),
        ("look <think>or not</think> go", "look  go", "several_actions"),
        ('<tool_call>{"text": "<think>"}</tool_call>', '<tool_call>{"text": "<think>"}</tool_call>', ""),
        ('<tool_call>{"text": "</think>"}</tool_call>', '<tool_call>{"text": "</think>"}</tool_call>', ""),
    ],
)
def test_plain(text, action, fault):
    parsed = parse_action(text, "plain")
    assert (parsed.action, parsed.fault) == (action, fault)


@pytest.mark.parametrize("style", ["tags", "plain", "plan"])
def test_where_the_template_opened_the_thought_a_cut_off_one_executes_nothing(style):
    said = "keep\n<action>look</action> is best, but"
    cut = parse_action(said, style, opened=True)
    assert (cut.action, cut.fault) == ("", "open_think")
    assert not parse_action(said, style, opened=False).fault.startswith("open")
    whole = parse_action(f"{said}</think>\nkeep\n<action>go</action>", "tags", opened=True)
    assert (whole.action, whole.think_chars) == ("go", (0, len(said)))


def test_where_it_is_known_that_the_message_begins_outside_a_thought_a_closing_tag_closes_nothing():
    said = "<action>look</action></think><action>go</action>"
    assert parse_action(said, opened=False).fault == "several_actions"
    assert parse_action(said).action == "go"


def test_a_long_action_is_malformed_and_cut():
    parsed = parse_action("<action>abcdef</action>", "tags", max_action_chars=5)
    assert (parsed.fault, parsed.action) == ("too_long", "<acti")
    assert parse_action("abcdef", "plain", max_action_chars=5).action == "abcde"


def test_lone_surrogates_do_not_reach_the_environment():
    parsed = parse_action("<action>a\ud800b</action>")
    assert parsed.action == "a?b"


def test_the_two_faults_are_apart():
    read = parse_action("fly", "plain")
    assert is_inadmissible(read, ["go", "look"])
    assert not is_inadmissible(read, ["fly"])
    assert not is_inadmissible(read, None)
    assert not is_inadmissible(parse_action("fly", "tags"), ["go"])  # malformed, nothing was read


HOSTILE = st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "<action>",
            "</action>",
            "<search>",
            "</search>",
            " ",
            "\n",
            "a",
            "\x00",
            "\ud800",
            "\u0130",
        ]
    )
    | st.text(max_size=5),
    max_size=20,
).map("".join)


@settings(deadline=None)
@given(HOSTILE, st.sampled_from(["tags", "plain"]), st.integers(1, 50), st.sampled_from([None, False, True]))
def test_any_text_gets_an_answer(text, style, limit, opened):
    parsed = parse_action(text, style, limit, opened)
    assert len(parsed.action) <= limit
    parsed.action.encode("utf-8")
    assert parsed.malformed == (parsed.action_chars is None)
    if not parsed.malformed:
        assert parsed.action == parsed.action.strip() != ""
        start, end = parsed.action_chars
        assert text.encode("utf-8", "replace").decode()[start:end] == parsed.action


@settings(deadline=None)
@given(
    st.text().filter(lambda text: "<" not in text),
    st.text(min_size=1).filter(lambda text: "<" not in text and text.strip()),
)
def test_a_well_formed_message_is_read_exactly(thought, action):
    parsed = parse_action(f"<think>{thought}</think><action>{action}</action>")
    assert (parsed.action, parsed.fault) == (action.strip(), "")
    assert parsed.think_chars == (7, 7 + len(thought))


@settings(deadline=None)
@given(HOSTILE, st.sampled_from(["tags", "plain", "plan"]))
def test_nothing_inside_a_thought_changes_what_is_read(text, style):
    thought = text.replace("think>", "")
    answer = "keep\n<action>go</action>"
    for said in (f"<think>{thought}</think>{answer}", f"{thought}</think>{answer}"):
        parsed = parse_action(said, style, opened=None if said[0:7] == "<think>" else True)
        assert (parsed.action, parsed.fault) == (parse_action(answer, style).action, "")
    assert parse_action(f"{thought}{answer}", style, opened=True).action == ""


@pytest.mark.parametrize(
    "piece", ["<think><search>", "<action>", "</think>", "<think>", "<", " ", "<action></action>"]
)
def test_a_megabyte_of_tags_is_no_burden(piece):
    assert parse_action(piece * (1_000_000 // len(piece))).malformed


def generation(text, ends):
    return Generation(text=text, token_ids=tuple(range(len(ends))), char_ends=ends)


def test_spans_name_the_tokens_of_thought_and_action():
    text = "<think>ab</think><action>go on</action>"
    # <think> | ab | </think> | <action> | go | on | </action> | end of turn
    said = generation(text, (7, 9, 17, 25, 27, 30, 39, 39))
    assert token_spans(parse_action(text), said) == (Span("think", 1, 2), Span("action", 4, 6))


def test_a_token_across_the_border_belongs_to_the_span():
    text = "<action>go</action>"
    said = generation(text, (9, 12, 19))  # "<action>g" | "o</" | "action>"
    assert token_spans(parse_action(text), said) == (Span("action", 0, 2),)


def test_an_action_that_ends_the_message_takes_the_end_of_turn_along():
    said = generation("go on", (2, 5, 5))
    assert token_spans(parse_action("go on", "plain"), said) == (Span("action", 0, 3),)


def test_spans_without_places_of_tokens():
    whole = Generation(text="go", token_ids=(5, 6))
    assert token_spans(parse_action("go", "plain"), whole) == (Span("action", 0, 2),)
    tagged = Generation(text="<action>go</action>", token_ids=(5, 6))
    assert token_spans(parse_action(tagged.text), tagged) == ()
    assert token_spans(parse_action("go", "plain"), Generation(text="go")) == ()


def test_a_malformed_message_has_no_action_span():
    said = generation("<think>a</think>", (7, 8, 16))
    assert token_spans(parse_action(said.text), said) == (Span("think", 1, 2),)


def test_the_default_bound_is_documented():
    assert len(parse_action("x" * 40_000, "plain").action) == MAX_ACTION_CHARS
