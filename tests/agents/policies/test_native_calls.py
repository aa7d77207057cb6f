"""An endpoint that calls functions in OpenAI's form plays, and is answered in it.

1. Functions are sent; a call is the action that the environment reads; answers name the call.
2. Of several calls none is made, each is answered, and the rule is named.
3. An endpoint that does not know parallel_tool_calls is asked without it.
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
    answers: Callable[[Body], httpx.Response], env_id: str = "search/generated-v1"
) -> tuple[Trajectory, list[Body], OpenAIPolicy]:
    asked: list[Body] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return answers(asked[-1])

    policy = OpenAIPolicy("http://127.0.0.1:1/v1", "m", transport=httpx.MockTransport(serve))

    async def play() -> Trajectory:
        client = connect("local:")
        try:
            config = RolloutConfig(max_turns=4, max_tokens=64, max_episode_tokens=1 << 20, retries=0)
            result = await rollout(client, policy, [TaskItem(env_id, seed=3)], config, prompt=NATIVE)
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
    assert first["parallel_tool_calls"] is False
    assert first["chat_template_kwargs"] == {"enable_thinking": False}
    assert first["messages"][-1]["content"].endswith("Call exactly one function.")
    assert "<search>" not in first["messages"][-1]["content"]
    said, told = second["messages"][-2:]
    assert (said["tool_calls"], said["content"]) == ([call("search", "a1", query="mayor")], "")
    assert (told["role"], told["tool_call_id"]) == ("tool", "a1")
    assert told["content"].startswith("<information>")


def test_of_several_calls_none_is_made_and_each_is_answered() -> None:
    two = answer(call("search", "a1", query="x"), call("search", "a2", query="y"))
    trajectory, asked, _ = played(in_order([two, answer(call("answer", "a3", text="Lisbon"))]))
    assert [turn.malformed for turn in trajectory.turns] == [True, False]
    assert trajectory.turns[0].rewards["tool_calls"] == 0.0
    first, second = asked[1]["messages"][-2:]
    assert (first["tool_call_id"], second["tool_call_id"]) == ("a1", "a2")
    assert first["content"].startswith("[2 calls in one message: none was made. Make one call a turn.]\n")
    assert second["content"] == "[not made: one call a turn]"


def test_an_endpoint_without_that_field_is_asked_without_it() -> None:
    def picky(body: Body) -> httpx.Response:
        if "parallel_tool_calls" in body:
            error = {"message": "Unrecognized request argument supplied: parallel_tool_calls"}
            return httpx.Response(400, json={"error": error})
        return answer(call("answer", "a1", text="Lisbon"))

    trajectory, asked, policy = played(picky)
    assert trajectory.end == "terminated"
    assert len(asked) == 2
    assert asyncio.run(policy.report())["server_default"] == ["parallel_tool_calls"]


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
