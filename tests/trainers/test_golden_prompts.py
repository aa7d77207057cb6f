"""What a model reads, to the letter: one file for each family of environments and style.

1. tests/golden/prompts/*.txt are the prompts of the first turns of an episode, as they were read
   by a person. After a change that is meant: `python tests/trainers/test_golden_prompts.py`.
2. Evaluation by a recipe, training by it, and evaluation of what it trained ask alike.
3. Every recipe with a real model says how to answer and which commands there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import turnwise
from turnwise.agents.evaluation.evaluate import evaluate
from turnwise.agents.policies import AgentSettings, Policy, read_settings, write_settings
from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.prompts.config import EXPLAINED, PromptConfig, View, opening, window
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.types import Generation, GenerationRequest
from turnwise.envs.swe.tools import described, schemas
from turnwise.envs.tools import have_own_tags, shown, tools_of
from turnwise.servers.client import connect
from turnwise.trainers import recipe
from turnwise.trainers.policies import agent_settings

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "prompts"
TURNS = 3


@dataclass(frozen=True)
class Case:
    """One golden file: an environment, how it is asked, and the recipe that asks so."""

    env: str
    prompt: PromptConfig
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def asked_by(name: str, **changes: Any) -> PromptConfig:
    return replace(recipe.load(name).prompt, **changes)


HOUSE, SHOP, SEARCH = "household/demo-v0", "shopping/generated-v0", "search/generated-v1"
SMALL = {"num_products": 60, "split": "train"}
CASES = {
    "household-tags": Case(HOUSE, asked_by("gigpo")),
    "household-plain": Case(HOUSE, replace(EXPLAINED, style="plain", show_admissible=False)),
    "household-plan": Case(HOUSE, replace(EXPLAINED, style="plan", mode="window")),
    "shopping-tags": Case(SHOP, asked_by("gigpo_shopping"), SMALL),
    "search-tags": Case(SEARCH, asked_by("gigpo_search")),
    "search-tags-conversation": Case(SEARCH, asked_by("igpo")),
    "search-plain": Case(SEARCH, replace(EXPLAINED, style="plain")),
    "calling-tags": Case("calling/office-v1", EXPLAINED),
    "calling-tags-window": Case(
        "calling/office-v1", replace(EXPLAINED, mode="window", history=1, explain="system")
    ),
}


class Reader(ExpertPolicy):
    """The expert, who thinks first, and notes what it is shown."""

    names_actions = False

    def __init__(self) -> None:
        self.read: list[GenerationRequest] = []

    async def generate(self, request: GenerationRequest) -> Generation:
        self.read.append(request)
        action = self.act(request)
        return Generation(
            {
                "tags": f"<think>So be it.</think><action>{action}</action>",
                "plain": f"<think>So be it.</think>{action}",
                "plan": f"new: begin\n{action}",
            }[request.style]
        )


def transcript(requests: list[GenerationRequest]) -> str:
    """Write prompts for a person to read."""
    lines: list[str] = []
    for request in requests:
        lines.append(f"######## turn {request.turn + 1}")
        for message in request.messages:
            lines += [f"######## {message.role}", message.content]
    return "\n".join(lines) + "\n"


def played(case: Case, read: Any) -> list[GenerationRequest]:
    """Return the first requests of an episode, of which a conversation's last holds the earlier ones."""

    async def play() -> list[GenerationRequest]:
        client, reader = connect("local:"), Reader()
        try:
            await read(client, reader)
        finally:
            await client.aclose()
        return reader.read if case.prompt.mode == "window" else reader.read[-1:]

    return asyncio.run(play())


def trained(case: Case) -> list[GenerationRequest]:
    config = RolloutConfig(max_turns=TURNS, max_tokens=99, max_episode_tokens=1 << 20)
    task = TaskItem(case.env, dict(case.kwargs), seed=1)
    return played(case, lambda client, policy: rollout(client, policy, [task], config, prompt=case.prompt))


def evaluated(case: Case, settings: AgentSettings | None) -> list[GenerationRequest]:
    async def read(client: Any, policy: Policy) -> None:
        policy.settings = settings
        config = RolloutConfig(max_turns=TURNS, max_tokens=99, max_episode_tokens=1 << 20)
        await evaluate(client, policy, case.env, kwargs=dict(case.kwargs), episodes=1, seed=1, config=config)

    return played(case, read)


@pytest.mark.parametrize("name", CASES)
def test_prompts_are_what_a_person_has_read(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    golden = (FOLDER / f"{name}.txt").read_text()
    assert transcript(trained(case)) == golden
    write_settings(tmp_path, AgentSettings(case.prompt, "none", 99))  # beside the weights of a run
    assert transcript(evaluated(case, read_settings(tmp_path))) == golden


def test_an_agent_without_settings_is_asked_with_all_explained() -> None:
    assert transcript(evaluated(CASES["calling-tags"], None)) == (FOLDER / "calling-tags.txt").read_text()


def test_tools_of_software_engineering_are_explained_once() -> None:
    tools = tools_of(schemas())
    first = View(f"Mend it.\n\n{described()}", "Mend it.", tools=tools)
    assert opening(EXPLAINED, first)[0].content.count("run_tests") == 1
    later = window(replace(EXPLAINED, history=0), View("2 passed", "Mend it.", tools=tools), [("o", "a")])
    assert "edit(path: string, old: string, new: string): Replace a text" in later[0].content
    assert "</action>" not in later[0].content


REAL = [name for name in recipe.shipped() if recipe.load(name).policy.kind == "transformers"]


@pytest.mark.parametrize("name", REAL)
def test_every_recipe_with_a_real_model_explains(name: str) -> None:
    chosen = recipe.load(name)
    prompt = agent_settings(chosen.prompt, chosen.rollout).prompt
    sizes = SMALL if chosen.env.id.startswith("shopping") else {}
    with turnwise.make(chosen.env.id, **{**chosen.env.kwargs, **chosen.env.train_kwargs, **sizes}) as env:
        observation, info = env.reset(seed=1)
    view = View.of(observation, info)
    make = opening if prompt.mode == "conversation" else lambda *given: window(*given, [])
    (message,) = make(prompt, view)
    assert message.role == "user"
    assert "between <think> and </think>" in message.content
    if have_own_tags(view.tools):
        assert "<search>QUERY</search>" in message.content
        assert "<answer>TEXT</answer>" in message.content
    else:
        assert "between <action> and </action>" in message.content
        listed = prompt.show_admissible and view.admissible is not None
        assert (", ".join(view.admissible or ()) if listed else shown(view.tools[0])) in message.content
    assert message.content.count(view.instruction) == 1


def test_there_are_such_recipes() -> None:
    assert len(REAL) > 20


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, case in CASES.items():
        (FOLDER / f"{name}.txt").write_text(transcript(trained(case)))
