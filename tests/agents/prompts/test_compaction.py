"""Summaries that an agent writes before turns are left out of its prompts.

1. It is asked for one in the last prompt before that, and goes on from it, token by token.
2. What it notes is no part of its action, in any style; where the action stands is counted in its message.
3. Without one nothing stalls, and what was noted before stays.
4. In a rollout a summary is part of its turn: sampled tokens, one step of the environment.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from adding import ADD, ADDING, STOP, Saying
from chats import CALLING, MISTRAL_CALLS, QWEN25, tokenizer
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.policy import AgentSettings
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.prompts.compaction import asked, asking, blanked, find_summary
from turnwise.agents.prompts.config import PromptConfig, View
from turnwise.agents.prompts.conversation import Context
from turnwise.agents.prompts.parse import parse_action
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.types import Generation, Message
from turnwise.errors import UnknownName, UsageError
from turnwise.servers.client import connect


def prompt_of(**changes: Any) -> PromptConfig:
    return PromptConfig(**{"compact_after": 2, "history": 1, "compaction": "summary", **changes})


def context(**changes: Any) -> Context:
    codec = ChatCodec(tokenizer("bytes", CALLING), "test").asked((), {})
    made = Context(prompt_of(**changes), codec)
    made.observe(View("You see a door.", "leave"))
    return made


def say(made: Context, text: str, observation: str) -> tuple[tuple[int, ...], str]:
    """Let the agent say something; return the prompt with it, and what stands in the next one."""
    codec = ChatCodec(tokenizer("bytes", CALLING), "test")
    before = made.prompt_ids or ()
    ids = (*codec.encode(text), codec.end_id)
    made.record("o", "a", Generation(text, before, ids))
    made.observe(View(observation))
    return before + ids, tokenizer("bytes", CALLING).decode(
        list(made.prompt_ids or ()), skip_special_tokens=False
    )


def test_a_conversation_goes_on_from_the_summary_that_was_asked_for() -> None:
    made = context()
    kept, text = say(made, "act 1", "seen 1")
    assert asked(1) not in text and not made.asks_summary
    assert (made.prompt_ids or ())[: len(kept)] == kept
    kept, text = say(made, "act 2", "seen 2")
    assert (made.prompt_ids or ())[: len(kept)] == kept
    assert made.asks_summary and text.count(asked(1)) == 1
    assert text.endswith(f"seen 2\n\n{asked(1)}<|im_end|>\n<|im_start|>assistant\n")
    kept, text = say(made, "<think>long</think><summary>\nthe door is 3\n</summary>\nact 3", "seen 3")
    assert not made.asks_summary
    assert text == (
        "<|im_start|>user\nYour task: leave\nYou see a door.\n\n"
        "[2 turns are left out here. Your summary of what was said:]\nthe door is 3<|im_end|>\n"
        "<|im_start|>assistant\n<think>long</think>act 3<|im_end|>\n"
        "<|im_start|>user\nseen 3<|im_end|>\n<|im_start|>assistant\n"
    )
    kept, text = say(made, "act 4", "seen 4")
    assert (made.prompt_ids or ())[: len(kept)] == kept
    assert made.asks_summary
    _, text = say(made, "act 5", "seen 5")  # it notes nothing: what it noted last stays
    assert "[4 turns are left out here. Your summary of what was said:]\nthe door is 3<|im_end|>" in text
    for number in (6, 7):
        _, text = say(made, f"act {number}", f"seen {number}")
    assert "act 5" not in text and "[6 turns are left out here. Your" in text


def test_a_summary_that_was_not_asked_for_is_what_it_says() -> None:
    made = context(compact_after=5)
    assert made.readable("<summary>x</summary>go") == "<summary>x</summary>go"
    _, text = say(made, "<summary>x</summary>go", "seen")
    assert "<summary>x</summary>go<|im_end|>" in text


def test_one_that_is_left_out_says_so_of_one_turn() -> None:
    made = context(compact_after=1)
    say(made, "act 1", "seen 1")
    assert made.asks_summary
    _, text = say(made, "act 2", "seen 2")
    assert "[1 turn is left out here.]" in text
    assert made.asks_summary  # each turn leaves one out


WORDS = st.text("ab <>/\n", max_size=12)


@given(WORDS, st.sampled_from(["go to desk 1", "take mug"]), st.sampled_from(["tags", "plain", "plan"]))
def test_what_is_noted_is_no_part_of_the_action(noted: str, action: str, style: Any) -> None:
    said = {"tags": f"<action>{action}</action>", "plain": action, "plan": f"new: leave\n{action}"}[style]
    text = f"<think>so</think><summary>{noted}</summary>\n{said}"
    parsed = parse_action(blanked(text), style)
    assert parsed.fault == "" and parsed.action == action
    assert text[slice(*parsed.action_chars or (0, 0))] == action
    assert find_summary(text) == ((17, text.index("</summary>") + 10), noted.strip())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<summary>cut",
        "<think><summary>x</summary></think>go",
        "</summary><summary>",
        "create x.html\n<details><summary>Title</summary></details>",
        "ok <summary>x</summary>go",
        "<action>write <summary>x</summary></action>",
        "<summary>" * 9,
    ],
)
def test_what_is_no_summary_stays(text: str) -> None:
    assert find_summary(text) is None
    assert blanked(text) == text


def test_the_request_stands_in_one_prompt_alone() -> None:
    made = context(compact_after=3, history=3)
    for number in (1, 2, 3):
        _, text = say(made, f"act {number}", f"seen {number}")
    for number in (4, 5):
        assert text.count("<summary>") == 1 and "and the last 2 turns. This once" in text
        _, text = say(made, f"<summary>n{number}</summary>act {number}", f"seen {number}")
        assert f"of what was said:]\nn{number}<|im_end|>" in text


@pytest.mark.parametrize(("template", "behind"), [(QWEN25, True), (MISTRAL_CALLS, False)])
def test_a_summary_is_asked_for_by_the_user(template: str, behind: bool) -> None:
    codec = ChatCodec(tokenizer("bytes", template), "test")
    answer, request = Message("tool", '{"result": 7}', tool_call_id="abcdefgh1"), Message("user", asked(1))
    assert asking([answer], 1) == (answer, request)
    ids = codec.encode_reply([answer, request], "stop")
    text = tokenizer("bytes", template).decode(list(ids), skip_special_tokens=False)
    told = f'{{"result": 7}}\n</tool_response><|im_end|>\n<|im_start|>user\n{asked(1)}' in text
    assert told is behind
    assert "<summary>" in text


def test_a_summary_is_part_of_its_turn() -> None:
    texts = [ADD % 1, ADD % 2, "<summary>3 so far; next " + ADD % 9 + "</summary>" + ADD % 3, STOP]
    prompt = prompt_of(tools="native", max_calls=1)

    async def play() -> Any:
        client = connect("local:")
        try:
            config = RolloutConfig(max_turns=4, constraint="none")
            policy = Saying(texts)
            return await rollout(client, policy, [TaskItem(ADDING)], config, prompt=prompt), policy
        finally:
            await client.aclose()

    result, policy = asyncio.run(play())
    turns = result.trajectories[0].turns
    assert [turn.generation.text for turn in turns] == texts
    assert [len(turn.steps or (turn,)) for turn in turns] == [1, 1, 1, 1]
    assert "9" not in turns[2].action and "3" in turns[2].action  # a call in a summary is not made
    last = policy.requests[-1].messages
    assert "Your summary of what was said:]\n3 so far" in last[0].content
    assert [message.role for message in last] == ["user", "assistant", "tool"]
    assert "<summary>" not in last[1].content


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="compaction summary with mode window and compact_after 2: no turns"):
        prompt_of(mode="window")
    with pytest.raises(UsageError, match="compact_after 0"):
        prompt_of(compact_after=0)
    with pytest.raises(UnknownName, match="unknown compaction 'notes'"):
        prompt_of(compaction="notes")
    with pytest.raises(UsageError, match="compaction summary and constraint admissible"):
        AgentSettings(prompt_of(), "admissible", 64)
