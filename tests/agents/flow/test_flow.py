"""AgentFlow: modules that decide by what they are shown, and turns that are the planner's alone.

1. Answers are read in their forms; the memory is bounded, and its last steps are those that stay.
2. With frozen modules behind an endpoint, an episode is looked at, verified and answered; every call of the
   planner is a turn with tokens, also one that names no tool, and the reward is the last one's.
3. Without an endpoint the modules are the policy itself, and their answers are no turns.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import clues
import pytest

from turnwise.agents.flow import modules
from turnwise.agents.flow.memory import MOST, Memory
from turnwise.agents.gateway.config import HarnessConfig
from turnwise.agents.gateway.harness import HarnessRollout
from turnwise.agents.policies import TokenPolicy
from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.agents.types import FinishReason, Generation, GenerationRequest, Message, Trajectory
from turnwise.servers.client import connect

_SPEC = importlib.util.spec_from_file_location(
    "fake_endpoint_of_flow", Path(__file__).parents[1] / "policies" / "fake_endpoint.py"
)
assert _SPEC is not None and _SPEC.loader is not None
fake = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = fake
_SPEC.loader.exec_module(fake)
LOOK, ANSWER = modules.Tool("look_up", "looks", "look X"), modules.Tool("answer", "ends", "answer X")


def said_by(prompt: str) -> str:
    """Answer as a module does, by what its question holds."""
    steps = prompt.partition("Steps so far:")[2]
    if "exactly these three lines" in prompt:
        if "step 1" not in steps.lower():
            return "I go on.\nContext: none\nSub-Goal: see\nTool Name: telescope"
        return "A mat hides things.\nContext: the mat\nSub-Goal: see below the mat\nTool Name: **Look**"
    if "reaches the sub-goal" in prompt:
        return f"```\nlook {re.findall(r'Context: the (.*)', prompt)[0]}\n```"
    found = re.findall(r"It is (\w+)", steps)
    if "STOP" in prompt:
        return "Known: STOP" if found else "Do not STOP: CONTINUE"
    return f"So:\n```\nanswer {found[-1]}\n```" if "Finish the task" in prompt else "Look, then answer."


class Planner(TokenPolicy):
    """A policy of one token a letter that answers as the module that is asked."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        return (*(ord(letter) for message in messages for letter in message.content), 1)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        return self.encode_prompt(messages)

    def forget(self, conversation: str) -> None:
        pass

    async def generate(self, request: GenerationRequest) -> Generation:
        self.prompts.append("".join(map(chr, request.prompt_ids or ())))
        ids = (*map(ord, said_by(self.prompts[-1])), 0)
        return Generation(said_by(self.prompts[-1]), request.prompt_ids or (), ids, (-0.5,) * len(ids))


def play(policy: Planner, env: dict[str, str]) -> Trajectory:
    command = f"{sys.executable} -m turnwise.agents.flow"
    config = HarnessConfig(command=command, timeout_s=100, workers=1, env=env)

    async def inside() -> Trajectory:
        client = connect("local:")
        try:
            tasks = [TaskItem(f"{clues.__file__}:Clues", seed=4)]
            found = await HarnessRollout(config)(
                client, policy, tasks, RolloutConfig(max_tokens=200, max_episode_tokens=20_000)
            )
        finally:
            await client.aclose()
        return found.trajectories[0]

    return asyncio.run(inside())


def check(played: Trajectory) -> None:
    assert (played.end, played.success, played.error) == ("terminated", True, None)
    assert len(played.turns) == 2 and [turn.reward for turn in played.turns] == [0.0, 1.0]
    assert "telescope" in played.turns[0].generation.text and "Look" in played.turns[1].generation.text
    assert played.turns[1].action == "look mat\nanswer green"
    for turn in played.turns:
        assert len(turn.generation.token_ids) == len(turn.generation.logprobs) > 20


def test_modules_behind_an_endpoint() -> None:
    bodies: list[dict[str, Any]] = []

    def reply(body: dict[str, Any]) -> tuple[int, Any]:
        bodies.append(body)
        return 200, fake.answer(said_by(body["messages"][-1]["content"]))

    planner = Planner()
    with fake.served(reply) as name:
        url = name.removeprefix("openai:").partition("#")[0]
        played = play(planner, {"FLOW_URL": url, "FLOW_MODEL": "frozen"})
    check(played)
    assert len(planner.prompts) == 2 and "no such tool" in planner.prompts[1]
    asked = [body["messages"][-1]["content"].splitlines()[-1] for body in bodies]
    assert len(asked) == 5 and {body["model"] for body in bodies} == {"frozen"}


def test_modules_of_the_policy_itself_are_no_turns() -> None:
    planner = Planner()
    played = play(planner, {})
    check(played)
    assert len(planner.prompts) == 7 and played.metrics["side_calls"] == 5


def test_answers_are_read_in_their_forms() -> None:
    said = "Context: a\nSub-Goal: b\nTool Name: x\nContext: c\nSub-Goal: d\nTool Name: Look Up"
    read = modules.read_plan(said, [LOOK, ANSWER])
    assert read == modules.Plan("c", "d", "look_up")
    assert modules.read_plan("Tool Name: look_up", [LOOK]) == modules.Plan("", "", "")
    assert modules.read_plan("Context:\nSub-Goal:\nTool Name: fly", [LOOK]).tool == ""
    assert modules.read_command("a ```py\nb\n``` c ```d``` e") == "d" and modules.read_command(" go ") == "go"
    assert len(modules.read_command("x" * 9000)) == modules.MOST_COMMAND
    assert modules.is_enough("CONTINUE? no: STOP.") and not modules.is_enough("STOP? CONTINUE")
    assert not modules.is_enough("unSTOPpable") and not modules.is_enough("")
    (act,) = modules.tools_of({"admissible": ["left", "right"]})
    assert act.usage == "one of: left, right"
    assert modules.tools_of({"tools": [{"name": "a", "usage": "b"}]}) == [modules.Tool("a", "", "b")]


@pytest.mark.parametrize("size", [1, 3000, 100_000])
def test_the_memory_is_bounded(size: int) -> None:
    memory = Memory()
    assert memory.shown() == "none"
    for number in range(30):
        memory.add("look", "see", json.dumps(number), "r" * size)
    shown = memory.shown()
    assert len(shown) <= MOST and "Step 30\n" in shown and shown.endswith("r" if size < 2001 else "...")
