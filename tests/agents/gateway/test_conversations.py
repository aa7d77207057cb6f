"""What comes back is recognised, and is never tokenised again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnwise.agents.types import Trajectory


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_a_conversation_that_continues_is_continued_in_tokens(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Trajectory:
        await client.open(seed=3)
        talk = [{"role": "system", "content": "s"}, user("hi")]
        for turn in range(3):
            said = await client.chat(talk)
            talk = [*talk, {"role": "assistant", "content": f"  {said['content']} \n"}, user(f"more {turn}")]
        return await client.end(0.5, success=True)

    found = with_gateway(letters(), play)
    first, second, third = (turn.generation for turn in found.turns)
    assert first.prompt_ids == (*map(ord, "[system]s[user]hi"), 1)
    assert second.prompt_ids == (*first.prompt_ids, *first.token_ids, *map(ord, "[user]more 0"), 1)
    assert third.prompt_ids == (*second.prompt_ids, *second.token_ids, *map(ord, "[user]more 1"), 1)
    assert [turn.reward for turn in found.turns] == [0.0, 0.0, 0.5]
    assert [turn.state_key for turn in found.turns] == ["hi", "more 0", "more 1"]
    assert [turn.next_state_key for turn in found.turns] == ["more 0", "more 1", "(end)"]
    assert (found.end, found.success, found.metrics) == ("terminated", True, {"side_calls": 0.0})


def test_a_compacted_history_begins_anew_with_the_tokens_that_were_sampled(
    with_gateway: Any, letters: Any
) -> None:
    async def play(client: Any) -> Trajectory:
        await client.open()
        talk = [user("task")]
        for _ in range(3):
            talk += [{"role": "assistant", **await client.chat(talk)}, user("go on")]
        short = [user("task"), user("summary"), *talk[-2:]]
        await client.chat(short)
        return await client.end()

    found = with_gateway(letters(words=("A",)), play)
    *_, third, last = found.turns
    start = (*map(ord, "[user]task[user]summary"), 1)
    assert last.generation.prompt_ids == (*start, *third.generation.token_ids, *map(ord, "[user]go on"), 1)
    assert len(found.turns) == 4


def test_side_calls_and_answers_that_were_asked_for_twice_are_no_turns(
    with_gateway: Any, letters: Any
) -> None:
    async def play(client: Any) -> Trajectory:
        await client.open()
        talk = [{"role": "system", "content": "agent"}, user("task")]
        await client.chat([{"role": "system", "content": "make a title"}, user("task")])
        await client.chat(talk)
        said = await client.chat(talk)  # a new sample: nobody has said that it is a retry
        await client.chat([*talk, {"role": "assistant", **said}, user("x")], model="m-side")
        talk += [{"role": "assistant", **said}, user("x")]
        await client.chat(talk)
        await client.chat(talk)
        return await client.end()

    policy = letters(words=tuple("abcdefgh"))
    found = with_gateway(policy, play)
    assert len(policy.requests) == 6 and found.metrics == {"side_calls": 4.0}
    assert [turn.observation for turn in found.turns] == ["task", "x"]
    texts = [turn.generation.text for turn in found.turns]
    assert texts == ["abcdefgh"[_drawn(policy, 2)], "abcdefgh"[_drawn(policy, 5)]]


def _drawn(policy: Any, number: int) -> int:
    import numpy as np

    key = policy.requests[number].key
    return int(np.random.default_rng(key).integers(len(policy.words)))


def test_prompts_that_are_written_anew_are_all_turns(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Trajectory:
        await client.open()
        for state in ("a", "b", "a"):
            await client.chat([user(f"state {state}")])
        return await client.end()

    found = with_gateway(letters(), play)
    assert [turn.state_key for turn in found.turns] == ["state a", "state b", "state a"]


CALLS = st.dictionaries(
    st.text("ab", min_size=1, max_size=3), st.integers(0, 9) | st.text(max_size=3), max_size=3
)


@given(arguments=CALLS, blanks=st.text(" \n\t", max_size=3), thought=st.text("xyz ", max_size=4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_calls_are_recognised_whatever_clients_do_to_them(
    with_gateway: Any, letters: Any, arguments: dict[str, Any], blanks: str, thought: str
) -> None:
    call = json.dumps({"name": "f", "arguments": arguments})
    word = f"<think>{thought}</think>I call.\n<tool_call>{call}</tool_call>"
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]

    async def play(client: Any) -> Trajectory:
        await client.open()
        said = await client.chat([user("go")], tools=tools)
        (made,) = said["tool_calls"]
        assert json.loads(made["function"]["arguments"]) == arguments
        backwards = dict(reversed(list(arguments.items())))
        made["function"]["arguments"] = json.dumps(backwards, indent=2)
        back = {
            "role": "assistant",
            "content": blanks + (said["content"] or "") + blanks,
            "tool_calls": [made],
        }
        answer = {"role": "tool", "tool_call_id": made["id"], "content": "done"}
        await client.chat([user("go"), back, answer], tools=tools)
        return await client.end()

    first, second = with_gateway(letters(words=(word,)), play).turns
    before = first.generation.prompt_ids + first.generation.token_ids
    assert second.generation.prompt_ids[: len(before)] == before
    tail = "".join(map(chr, second.generation.prompt_ids[len(before) :]))
    assert tail == "[user]<tool_response>\ndone\n</tool_response>\x01"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": []}, "messages is empty"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "role 'judge'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "only texts"),
        ({"messages": [user("x")], "n": 2}, "one answer a call"),
        ({"messages": [user("x")], "max_tokens": 0}, "at least 1"),
        ({"messages": "x"}, "expected a list"),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_words_of_the_dialect(
    with_gateway: Any, letters: Any, body: dict[str, Any], said: str
) -> None:
    async def play(client: Any) -> Any:
        await client.open()
        return await client.post("v1/chat/completions", body, 400)

    error = with_gateway(letters(), play)["error"]
    assert said in error["message"] and error["type"] == "invalid_request_error"
