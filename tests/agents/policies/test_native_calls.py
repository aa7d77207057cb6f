"""An endpoint that calls functions in OpenAI's form plays, and is answered in it.

1. Functions are sent; a call is the action that the environment reads; answers name the call.
2. Several calls are made in order and answered one by one; what is wrong with one is its answer.
3. One call a message can be asked for, also of an endpoint that does not know parallel_tool_calls.
4. Native calls are refused before anything starts where they cannot be.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from turnwise import TextEnv
from turnwise.agents.policies import AgentSettings
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.policy import PolicyStopped
from turnwise.agents.prompts.config import EXPLAINED, PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.types import Trajectory
from turnwise.errors import UsageError
from turnwise.servers.client import connect

NATIVE = replace(EXPLAINED, tools="native", style="plain", template={"enable_thinking": False})
Body = dict[str, Any]


class Plain(TextEnv):
    """An environment that names no tools."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        return "Say something.", {}

    def step(self, action: str):
        return "", 0.0, True, False, {}


def call(name: str, id: str, **arguments: Any) -> Body:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def answer(*calls: Body) -> httpx.Response:
    message = {"role": "assistant", "content": None, "tool_calls": list(calls)}
    return httpx.Response(200, json={"choices": [{"message": message, "finish_reason": "tool_calls"}]})


def played(
    answers: Callable[[Body], httpx.Response], env_id: str = "search/generated-v1", **prompted: Any
) -> tuple[Trajectory, list[Body], OpenAIPolicy]:
    asked: list[Body] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return answers(asked[-1])

    policy = OpenAIPolicy("http://127.0.0.1:1/v1", "m", transport=httpx.MockTransport(serve))

    async def play() -> Trajectory:
        client = connect("local:")
        try:
            prompt = replace(NATIVE, **prompted)
            config = RolloutConfig(max_turns=4, max_tokens=64, max_episode_tokens=1 << 20, retries=0)
            result = await rollout(client, policy, [TaskItem(env_id, seed=3)], config, prompt=prompt)
            return result.trajectories[0]
        finally:
            await policy.aclose()
            await client.aclose()

    return asyncio.run(play()), asked, policy


def in_order(replies: Sequence[httpx.Response]) -> Callable[[Body], httpx.Response]:
    left = list(replies)
    return lambda _: left.pop(0)


def test_a_call_is_an_action_and_its_answer_names_it() -> None:
    replies = [answer(call("search", "a1", query="mayor")), answer(call("answer", "a2", text="Lisbon"))]
    trajectory, asked, _ = played(in_order(replies))
    assert [turn.action for turn in trajectory.turns] == ["<search>mayor</search>", "<answer>Lisbon</answer>"]
    assert [turn.malformed for turn in trajectory.turns] == [False, False]
    assert trajectory.end == "terminated"
    first, second = asked
    assert [tool["function"]["name"] for tool in first["tools"]] == ["search", "search_in", "answer"]
    assert "parallel_tool_calls" not in first
    assert first["chat_template_kwargs"] == {"enable_thinking": False}
    assert first["messages"][-1]["content"].endswith("they are called in their order.")
    assert "<search>" not in first["messages"][-1]["content"]
    said, told = second["messages"][-2:]
    assert (said["tool_calls"], said["content"]) == ([call("search", "a1", query="mayor")], "")
    assert (told["role"], told["tool_call_id"]) == ("tool", "a1")
    assert told["content"].startswith("<information>")


def test_several_calls_are_made_and_answered_one_by_one() -> None:
    broken = {"id": "a3", "type": "function", "function": {"name": "search", "arguments": '{"query": "y'}}
    several = answer(
        call("search", "a1", query="mayor"),
        call("serch", "a2", query="x"),
        broken,
        call("search", "a4", q="z"),
    )
    end = answer(call("answer", "a5", text="x"))
    turn = played(in_order([several, end]))[0].turns[0]
    assert [step.malformed for step in turn.steps] == [False, True, True, True]
    assert [step.action for step in turn.steps][:1] == ["<search>mayor</search>"]
    assert (turn.malformed, turn.rewards["tool_calls"], turn.rewards["readable"]) == (True, 1.0, 1.0)
    _, asked, _ = played(in_order([several, end]), max_calls=3)
    said, *told = asked[1]["messages"][1:]
    assert [each["tool_call_id"] for each in told] == ["a1", "a2", "a3", "a4"]
    assert said["tool_calls"][2]["function"]["arguments"] == json.dumps({"unreadable": json.dumps(broken)})
    found, unknown, unread, not_made = (each["content"] for each in told)
    assert found.startswith("<information>Doc 1")
    assert unknown.startswith(
        "Error: this call was not made: unknown function 'serch': did you mean 'search'"
    )
    assert unread.startswith("Error: this call cannot be read, so it was not made: the text of its arguments")
    assert not_made == "Not made: at most 3 calls of one message are."


def test_ids_that_do_not_tell_calls_apart_are_replaced() -> None:
    twice = answer(call("search", "same", query="a"), call("search", "same", query="b"))
    _, asked, _ = played(in_order([twice, answer(call("answer", "same", text="x"))]))
    said, first, second = asked[1]["messages"][-3:]
    ids = [each["id"] for each in said["tool_calls"]]
    assert ids == [first["tool_call_id"], second["tool_call_id"]] == ["call00000", "call00001"]


def test_a_message_without_a_call_is_told_so() -> None:
    plain = httpx.Response(200, json={"choices": [{"message": {"content": "Lisbon"}}]})
    trajectory, asked, _ = played(in_order([plain, answer(call("answer", "a", text="x"))]))
    told = "Error: no function was called. Call one of search, search_in, answer."
    assert asked[1]["messages"][-1] == {"role": "user", "content": told}
    assert trajectory.turns[0].malformed
    _, asked, _ = played(in_order([plain, plain, answer(call("answer", "a", text="x"))]), mode="window")
    assert asked[2]["messages"][-1]["content"].count(told) == 2  # also among what went before
    assert "<search>" not in asked[2]["messages"][-1]["content"]


def test_an_endpoint_without_that_field_is_asked_without_it() -> None:
    def picky(body: Body) -> httpx.Response:
        if "parallel_tool_calls" in body:
            error = {"message": "Unrecognized request argument supplied: parallel_tool_calls"}
            return httpx.Response(400, json={"error": error})
        return answer(call("answer", "a1", text="Lisbon"))

    trajectory, asked, policy = played(picky, max_calls=1)
    assert trajectory.end == "terminated"
    assert len(asked) == 2
    assert asked[0]["parallel_tool_calls"] is False
    assert asked[1]["messages"][-1]["content"].endswith("Call exactly one function.")
    assert asyncio.run(policy.report())["server_default"] == ["parallel_tool_calls"]


def test_an_endpoint_that_takes_no_functions_stops_with_what_to_do() -> None:
    words = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    with pytest.raises(PolicyStopped, match=r"refuses the functions .* or use prompt.tools text"):
        played(lambda _: httpx.Response(400, json={"error": {"message": words}}))
    seen: list[Body] = []

    def picky(body: Body) -> httpx.Response:  # points at another field, and repeats what it was sent
        seen.append(body)
        if "seed" in body:
            return httpx.Response(422, json={"detail": [{"loc": ["body", "seed"], "input": {"tools": 1}}]})
        return answer(call("answer", "a1", text="Lisbon"))

    assert (played(picky)[0].end, len(seen)) == ("terminated", 2)


def test_functions_of_an_office_are_called_as_they_are() -> None:
    replies = [
        answer(call("list_events", "a1", date="2031-03-03")),
        answer(call("answer", "a2", text="done")),
    ]
    trajectory, asked, _ = played(in_order(replies), "calling/office-v1")
    assert trajectory.turns[0].rewards["tool_calls"] == 1.0
    assert trajectory.turns[1].action == "<answer>done</answer>"
    assert json.loads(asked[1]["messages"][-1]["content"])["result"] is not None


def test_what_cannot_be_is_refused_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="tools native and constraint admissible"):
        AgentSettings(NATIVE, "admissible", 9)
    with pytest.raises(UsageError, match="tools native and style plan"):
        PromptConfig(tools="native", style="plan")
    with pytest.raises(UsageError, match=r"prompt.tools is native, and .*Plain gives no info\['tools'\]"):
        played(in_order([]), f"{__file__}:Plain")
