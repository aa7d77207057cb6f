"""Prompts, to the letter.

1. A conversation opens with system, task and observation, and goes on with observations.
2. A window holds the task, the last H pairs and the current state.
3. What is private never gets in.
4. Long texts and lists are cut.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.agents.prompts.config import EXPLAINED, PromptConfig, View, opening, reply, window
from turnwise.agents.types import Message
from turnwise.errors import UnknownName, UsageError

PLAIN = PromptConfig(show_admissible=True, system="S")


def test_a_conversation_opens_with_the_task():
    view = View("You see a door.", "leave", ("look", "open door"))
    assert opening(PLAIN, view) == (
        Message("system", "S"),
        Message("user", "Your task: leave\nYou see a door.\nAdmissible actions: look, open door"),
    )


def test_a_task_that_the_observation_states_is_not_said_twice():
    view = View("You see a door. Your task is to: leave", "leave")
    assert opening(PromptConfig(), view) == (Message("user", view.observation),)


def test_a_conversation_goes_on_with_the_observation():
    view = View("The door is open.", "leave", ("go",))
    assert reply(PLAIN, view) == (Message("user", "The door is open.\nAdmissible actions: go"),)
    hidden = PromptConfig(style="plain", show_admissible=False)
    assert reply(hidden, view) == (Message("user", "The door is open."),)


def test_a_window_shows_the_last_pairs():
    config = PromptConfig(mode="window", history=2, system="", style="plain")
    past = [("o1", "a1"), ("o2", "a2"), ("o3", "a3")]
    (message,) = window(config, View("o4", "leave"), past)
    assert message.content == (
        "Your task: leave\nTurns taken so far: 3.\nObservation 2: o2\nAction 2: a2\n"
        "Observation 3: o3\nAction 3: a3\nObservation 4:\no4"
    )
    (first,) = window(config, View("o1", "leave"), [])
    assert first.content == "Your task: leave\nObservation 1:\no1"


def test_a_window_without_history_shows_the_state_alone():
    config = PromptConfig(mode="window", history=0, system="")
    (message,) = window(config, View("o2"), [("o1", "a1")])
    assert message.content == "Turns taken so far: 1.\nObservation 2:\no2"


LOOK = {"name": "look", "usage": "look at {thing}", "description": "see it"}


def test_what_is_explained_stands_where_the_setting_says():
    view = View("A door.", "leave", tools=(LOOK,))
    commands = "Commands, with your own words in place of those in capitals:\nlook at THING: see it"
    asked = "It is your turn. Answer with exactly one action and nothing else."
    told = PromptConfig(explain="user", system="S")
    assert opening(told, view) == (
        Message("system", "S"),
        Message("user", f"Your task: leave\nA door.\n\n{commands}\n\n{asked}"),
    )
    system, user = opening(replace(told, explain="system"), view)
    assert system == Message("system", f"S\n\n{commands}\n\n{asked}")
    assert user == Message("user", "Your task: leave\nA door.")
    assert reply(told, view) == (Message("user", "A door."),)
    assert window(told, view, [])[1].content.endswith(asked)


def test_listed_actions_are_the_commands():
    view = View("A door.", "", ("look",), (LOOK,))
    (message,) = opening(PromptConfig(explain="user", show_admissible=True), view)
    assert "THING" not in message.content
    assert message.content.endswith("exactly one of the admissible actions and nothing else.")


def test_tags_of_the_environment_stand_in_place_of_action():
    ask = {"name": "ask", "usage": "<ask>{what}</ask>"}
    (message,) = opening(EXPLAINED, View("A door.", tools=(ask,)))
    assert "\n<ask>WHAT</ask>\n" in message.content
    assert "<think>" in message.content
    assert "<action>" not in message.content


def test_long_texts_and_lists_are_cut():
    config = PromptConfig(show_admissible=True, max_observation_chars=5, max_admissible=2)
    (message,) = reply(config, View("abcdefgh", "", ("1", "2", "3", "4")))
    assert message.content == "abcde [cut]\nAdmissible actions: 1, 2, and 2 more"


SECRETS = st.dictionaries(
    st.text(min_size=1), st.text(alphabet="\u2620", min_size=3, max_size=9), min_size=1, max_size=3
)


@settings(deadline=None)
@given(SECRETS, st.sampled_from(["conversation", "window"]))
def test_what_is_private_is_never_shown(private, mode):
    info = {"private": private, "instruction": "i", "admissible": ["a"], **{"other": private}}
    view = View.of("o", info)
    config = replace(EXPLAINED, mode=mode)
    for messages in (opening(config, view), reply(config, view), window(config, view, [("o", "a")])):
        assert "\u2620" not in "".join(message.content for message in messages)


def test_the_instruction_of_the_episode_stands_in_for_a_missing_one():
    assert View.of("o", {}, "leave").instruction == "leave"
    assert View.of("o", {"instruction": "stay"}, "leave").instruction == "stay"


def test_wrong_settings_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'window'"):
        PromptConfig(mode="windows")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="prompt style"):
        PromptConfig(style="xml")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="place of the explanation"):
        PromptConfig(explain="users")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="history must be at least 0, got -1"):
        PromptConfig(history=-1)
