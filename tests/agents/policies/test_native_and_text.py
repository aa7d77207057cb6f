"""Function calling, search and software engineering played in words and by native calls come to the same.

1. By an endpoint, and by a checkpoint of the transformers library, with another template for each: the
   same states, rewards and end, turn by turn.
2. Several calls in one message: one turn with the same return, end and states; every token is learned
   once, and before any update it is as likely as when it was said.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from architectures import model_of
from chats import CODER, LLAMA31, MISTRAL_CALLS, tokenizer

from turnwise.agents.policies import Policy
from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.prompts.config import EXPLAINED, PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.types import Generation, GenerationRequest, Trajectory
from turnwise.envs.calling.messages import answer_of
from turnwise.envs.calling.messages import call_of as office_call
from turnwise.envs.search.protocol import Answer, Search, read
from turnwise.envs.swe.tools import read_call
from turnwise.servers.client import connect
from turnwise.trainers.learner.sequences import pack

BOXES = Path(__file__).resolve().parents[2] / "envs" / "swe" / "folder_boxes.py"
Call = tuple[str, dict[str, Any]]
NATIVE = PromptConfig(tools="native", explain="user")


def of_office(action: str) -> Call:
    answer = answer_of(action)
    if answer is not None:
        return "answer", {"text": answer}
    call = office_call(action)
    return call.name, dict(call.arguments)


def of_search(action: str) -> Call:
    asked = read(action)
    assert isinstance(asked, Search | Answer)
    return (
        ("search", {"query": asked.query}) if isinstance(asked, Search) else ("answer", {"text": asked.text})
    )


def of_swe(action: str) -> Call:
    call = read_call(action)
    return call.name, dict(call.arguments)


ENVS: dict[str, tuple[TaskItem, str, Callable[[str], Call]]] = {
    "calling": (TaskItem("calling/office-v1", {"show_functions": False}, seed=4), "mistral", of_office),
    "search": (TaskItem("search/generated-v1", seed=3), "llama", of_search),
    "swe": (TaskItem(f"{BOXES}:SumsEnv", seed=0), "coder", of_swe),
    "sandbox": (TaskItem("swe/tasks-v0", {"show_tools": False}, seed=2), "coder", of_swe),
}
Spoken = tuple[TaskItem, str, Trajectory, list[Call]]


def played(policy: Policy, task: TaskItem, prompt: PromptConfig) -> Trajectory:
    async def play() -> Trajectory:
        client = connect("local:")
        try:
            config = RolloutConfig(max_tokens=400, max_episode_tokens=1 << 20, retries=0)
            return (await rollout(client, policy, [task], config, prompt=prompt)).trajectories[0]
        finally:
            await client.aclose()

    return asyncio.run(play())


MARKED = [pytest.param(name, marks=pytest.mark.sandbox if name == "sandbox" else ()) for name in ENVS]


@pytest.fixture(scope="module", params=MARKED)
def spoken(request: pytest.FixtureRequest) -> Spoken:
    """Return a task, a form of calls, how the expert plays it in words, and the same as calls."""
    task, form, of = ENVS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(BOXES.parent), *sys.path])
        trajectory = played(ExpertPolicy(), task, replace(EXPLAINED, style="plain"))
    assert trajectory.success and len(trajectory.turns) > 2
    return task, form, trajectory, [of(turn.action) for turn in trajectory.turns]


def endpoint(messages: Sequence[Sequence[Call]]) -> OpenAIPolicy:
    """Return an endpoint that makes calls in OpenAI's form."""
    left = list(messages)

    def serve(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content)["tools"]
        calls = [
            {
                "id": f"c{place}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given)},
            }
            for place, (name, given) in enumerate(left.pop(0))
        ]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        return httpx.Response(200, json={"choices": [{"message": message, "finish_reason": "tool_calls"}]})

    return OpenAIPolicy("http://127.0.0.1:1/v1", "m", transport=httpx.MockTransport(serve))


def in_tags(calls: Sequence[Call]) -> str:
    return "\n".join(
        f"<tool_call>\n<function={name}>\n"
        + "".join(
            f"<parameter={key}>\n{value if isinstance(value, str) else json.dumps(value)}\n</parameter>\n"
            for key, value in given.items()
        )
        + "</function>\n</tool_call>"
        for name, given in calls
    )


def as_objects(calls: Sequence[Call]) -> str:
    return "; ".join(json.dumps({"name": name, "parameters": given}) for name, given in calls)


def as_list(calls: Sequence[Call]) -> str:
    return json.dumps([{"name": name, "arguments": given} for name, given in calls])


FORMS = {"coder": (CODER, in_tags), "llama": (LLAMA31, as_objects), "mistral": (MISTRAL_CALLS, as_list)}


class Told(TransformersPolicy):
    """A checkpoint that says what it is told to, as if it had drawn that among all there is."""

    told: Sequence[str] = ()

    async def generate(self, request: GenerationRequest) -> Generation:
        told = (self.told[request.turn],)
        said = await super().generate(replace(request, constraint="admissible", admissible=told))
        return replace(said, support=(), logprobs=await self.score(said.prompt_ids, said.token_ids))


def checkpoint(folder: Path, template: str) -> Told:
    """Return a policy of a small random model with a template."""
    words = tokenizer("bytes", template)
    words.save_pretrained(folder)
    model = model_of("Qwen2", vocab_size=len(words), max_position_embeddings=32_768, hidden_size=16)
    model.save_pretrained(folder)
    return Told(str(folder), device="cpu")


def same(native: Trajectory, spoken: Trajectory) -> None:
    for name in ("end", "success", "score", "final_observation", "episode_return", "patch"):
        assert getattr(native, name) == getattr(spoken, name), name
    for one, other in zip(native.turns, spoken.turns, strict=True):
        for name in ("observation", "state_key", "next_state_key", "reward", "rewards", "malformed"):
            assert getattr(one, name) == getattr(other, name), (one.index, name)


def test_an_endpoint_comes_to_what_words_come_to(spoken: Spoken) -> None:
    task, _, expected, calls = spoken
    same(played(endpoint([[call] for call in calls]), task, NATIVE), expected)
    together = played(endpoint([calls]), task, NATIVE)
    (turn,) = together.turns
    assert [step.state_key for step in turn.steps] == [one.state_key for one in expected.turns]
    assert together.episode_return == expected.episode_return
    assert (together.end, together.success) == (expected.end, expected.success)


def test_a_checkpoint_comes_to_what_words_come_to(spoken: Spoken, tmp_path: Path) -> None:
    task, form, expected, calls = spoken
    template, write = FORMS[form]
    policy = checkpoint(tmp_path, template)
    policy.told = [write([call]) for call in calls]
    alone = played(policy, task, NATIVE)
    same(alone, expected)
    policy.told = [write(calls[:2]), *(write([call]) for call in calls[2:])]
    together = played(policy, task, NATIVE)
    assert [len(turn.steps) for turn in together.turns] == [2, *[0] * (len(calls) - 2)]
    assert together.turns[1].state_key == expected.turns[2].state_key
    assert (together.end, together.episode_return) == (expected.end, expected.episode_return)
    for trajectory in (alone, together):
        batch = pack([trajectory])
        (sequence,) = batch.sequences  # every prompt continues the one before
        said = [token for turn in trajectory.turns for token in turn.generation.token_ids]
        assert batch.token_N.tolist() == said
        with torch.no_grad():
            logits = policy.model.model(torch.from_numpy(sequence.ids_L)[None]).logits[0][sequence.place_N]
        now = logits.log_softmax(-1)[range(len(said)), said]
        assert now.tolist() == pytest.approx(batch.behaviour_N.tolist(), abs=1e-5)
    asyncio.run(policy.aclose())
