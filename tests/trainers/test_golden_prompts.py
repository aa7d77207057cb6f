"""What a model reads, to the letter: one file for each family of environments and style.

1. tests/golden/prompts/*.txt are the prompts of the first turns of an episode, as they were read
   by a person. After a change that is meant: run this file, with PYTHONPATH=tests/small.
2. tests/golden/prompts/rendered/*.txt are those prompts in the tokens of Qwen2.5's chat template, reworded:
   who says nothing as the system is given the template's own message.
   swe-tags.txt is of a state that was made up, since the environment needs sandboxes.
3. Evaluation by a recipe, training by it, and evaluation of what it trained ask alike.
4. Every recipe with a real model says how to answer and which commands there are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from chats import QWEN25, tokenizer

import turnwise
from turnwise.agents.evaluation.evaluate import evaluate
from turnwise.agents.policies import AgentSettings, Policy, read_settings, write_settings
from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.prompts.compaction import in_summary
from turnwise.agents.prompts.config import EXPLAINED, PromptConfig, View, opening, window
from turnwise.agents.prompts.parse import in_tags
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.types import Generation, GenerationRequest, Style
from turnwise.envs.swe.tools import described, schemas
from turnwise.envs.tools import have_own_tags, shown, tools_of
from turnwise.servers.client import connect
from turnwise.trainers import recipe
from turnwise.trainers.policies import agent_settings

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "prompts"


@dataclass(frozen=True)
class Case:
    """One golden file: an environment, how it is asked, and the recipe that asks so."""

    env: str
    prompt: PromptConfig
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    turns: int = 3


def asked_by(name: str, **changes: Any) -> PromptConfig:
    return replace(recipe.load(name).prompt, **changes)


HOUSE, SHOP, SEARCH = "household/demo-v0", "shopping/generated-v0", "search/generated-v1"
OFFICE, BOARD, TABLE = "calling/office-v1", "pictures/board-v0", "rows/table-v0"
SMALL = {"num_products": 60, "split": "train"}
CATS = {"data": [{"question": "How many legs have three cats?", "answer": "12"}], "grader": "numeric"}
CASES = {
    "household-tags": Case(HOUSE, asked_by("gigpo")),
    "household-plain": Case(HOUSE, replace(EXPLAINED, style="plain", show_admissible=False)),
    "household-plan": Case(HOUSE, replace(EXPLAINED, style="plan", mode="window")),
    "household-smollm2": Case(HOUSE, asked_by("household_smollm2")),
    "household-summary": Case(
        HOUSE, asked_by("household_smollm2", compact_after=2, history=2, compaction="summary"), turns=4
    ),
    "shopping-plain": Case(SHOP, replace(EXPLAINED, style="plain", show_admissible=False), SMALL),
    "shopping-tags": Case(SHOP, asked_by("gigpo_shopping"), SMALL),
    "search-tags": Case(SEARCH, asked_by("gigpo_search")),
    "search-tags-conversation": Case(SEARCH, asked_by("igpo")),
    "search-plain": Case(SEARCH, replace(EXPLAINED, style="plain")),
    "search-plan": Case(SEARCH, replace(EXPLAINED, style="plan", mode="window", history=1)),
    "calling-tags": Case(OFFICE, EXPLAINED),
    "calling-plain": Case(OFFICE, replace(EXPLAINED, style="plain"), {"show_functions": False}),
    "calling-native": Case(OFFICE, replace(EXPLAINED, tools="native"), {"show_functions": False}),
    "calling-native-summary": Case(
        OFFICE,
        replace(EXPLAINED, tools="native", compact_after=1, history=1, compaction="summary"),
        {"show_functions": False},
    ),
    "calling-tags-window": Case(OFFICE, replace(EXPLAINED, mode="window", history=1, explain="system")),
    "pictures-tags": Case(BOARD, EXPLAINED),
    "rows-tags": Case(TABLE, EXPLAINED, CATS),
}


class Reader(ExpertPolicy):
    """The expert, who answers as it is asked to, and notes what it is shown."""

    names_actions = False
    takes_images = True

    def __init__(self, style: Style) -> None:
        self.answers_in, self.read = style, list[GenerationRequest]()

    async def generate(self, request: GenerationRequest) -> Generation:
        self.read.append(request)
        action = self.act(request)
        said = {
            "tags": f"<think>So be it.</think>{in_tags(action) if request.style == 'tags' else action}",
            "plain": action,
            "plan": f"new: begin\n{action}",
        }[self.answers_in]
        asks = bool(request.messages) and "<summary>" in request.messages[-1].content
        return Generation(said.replace("</think>", f"</think>{in_summary('It began.')}") if asks else said)


def transcript(requests: list[GenerationRequest]) -> str:
    """Write prompts for a person to read."""
    lines: list[str] = []
    for request in requests:
        lines.append(f"######## turn {request.turn + 1}")
        lines += [f"######## function {json.dumps(each)}" for each in request.tools]
        for message in request.messages:
            lines += [f"######## {message.role}", message.content]
            lines += [f"######## picture of {len(image)} letters" for image in message.images]
            lines += [f"######## calls {json.dumps(call)}" for call in message.tool_calls]
    return "\n".join(lines) + "\n"


def rendered(request: GenerationRequest) -> str:
    """Write a prompt as the tokens of Qwen2.5's template say it."""
    words = tokenizer("bytes", QWEN25)
    encoder = ChatCodec(words, "qwen2.5").asked(request.tools, {})
    text: str = words.decode(list(encoder.encode_prompt(request.messages)), skip_special_tokens=False)
    return text + "\n"


def played(case: Case, read: Any) -> list[GenerationRequest]:
    """Return the first requests of an episode, of which a conversation's last holds the earlier ones."""

    async def play() -> list[GenerationRequest]:
        client, reader = connect("local:"), Reader(case.prompt.style)
        try:
            await read(client, reader)
        finally:
            await client.aclose()
        return reader.read if case.prompt.mode == "window" else reader.read[-1:]

    return asyncio.run(play())


def trained(case: Case) -> list[GenerationRequest]:
    config = RolloutConfig(max_turns=case.turns, max_tokens=99, max_episode_tokens=1 << 20)
    task = TaskItem(case.env, dict(case.kwargs), seed=1)

    async def read(client: Any, policy: Policy) -> None:
        episode = (await rollout(client, policy, [task], config, prompt=case.prompt)).trajectories[0]
        assert episode.error is None

    return played(case, read)


def evaluated(case: Case, settings: AgentSettings | None) -> list[GenerationRequest]:
    async def read(client: Any, policy: Policy) -> None:
        policy.settings = settings
        config = RolloutConfig(max_turns=case.turns, max_tokens=99, max_episode_tokens=1 << 20)
        await evaluate(client, policy, case.env, kwargs=dict(case.kwargs), episodes=1, seed=1, config=config)

    return played(case, read)


@pytest.mark.parametrize("name", CASES)
def test_prompts_are_what_a_person_has_read(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    golden = (FOLDER / f"{name}.txt").read_text()
    assert transcript(trained(case)) == golden
    write_settings(tmp_path, AgentSettings(case.prompt, "none", 99))  # beside the weights of a run
    assert transcript(evaluated(case, read_settings(tmp_path))) == golden


RENDERED = (
    "household-tags",
    "household-smollm2",
    "household-summary",
    "search-tags-conversation",
    "calling-native",
    "calling-native-summary",
)


@pytest.mark.parametrize("name", RENDERED)
def test_tokens_of_prompts_say_what_a_person_has_read(name: str) -> None:
    golden = (FOLDER / "rendered" / f"{name}.txt").read_text()
    assert rendered(trained(CASES[name])[-1]) == golden
    assert golden.startswith("<|im_start|>system\nYou help.")  # the template's own words, once
    assert golden.count("<|im_start|>system") == 1
    assert golden.endswith("<|im_start|>assistant\n\n")


def test_an_agent_without_settings_is_asked_with_all_explained() -> None:
    assert transcript(evaluated(CASES["calling-tags"], None)) == (FOLDER / "calling-tags.txt").read_text()


def mending() -> list[GenerationRequest]:
    """Return prompts of software engineering: a conversation's, and a window's without its first turn."""
    tools = tools_of(schemas())
    first = View(f"Mend it.\n\nFiles:\nsums.py\n\n{described()}", "Mend it.", tools=tools)
    later = window(replace(EXPLAINED, history=0), View("2 passed", "Mend it.", tools=tools), [("o", "a")])
    return [GenerationRequest(opening(EXPLAINED, first)), GenerationRequest(later, turn=1)]


def test_tools_of_software_engineering_are_explained_once() -> None:
    written = transcript(mending())
    assert written == (FOLDER / "swe-tags.txt").read_text()
    assert written.count("run_tests") == 2
    assert "edit(path: string, old: string, new: string): Replace a text" in written
    assert "</action>" not in written


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
    (FOLDER / "rendered").mkdir(exist_ok=True, parents=True)
    for name, case in CASES.items():
        (FOLDER / f"{name}.txt").write_text(transcript(trained(case)))
    (FOLDER / "swe-tags.txt").write_text(transcript(mending()))
    for name in RENDERED:
        (FOLDER / "rendered" / f"{name}.txt").write_text(rendered(trained(CASES[name])[-1]))
