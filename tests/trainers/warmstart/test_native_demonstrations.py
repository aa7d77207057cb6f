"""Demonstrations as calls of functions, in the form that a model's chat template has for them.

1. What is learned is the template's own writing of the call, and is read back as the demonstrated action.
2. Prompts grow as in a rollout; what is not a call is shown and not learned.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from architectures import model_of
from chats import CODER, LLAMA31, MISTRAL_CALLS, tokenizer

from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.prompts.tool_calls import read_native
from turnwise.agents.types import Trajectory
from turnwise.envs.tools import call_in, command, functions, tools_of
from turnwise.errors import UsageError
from turnwise.trainers.warmstart.chat import to_chat_tokens
from turnwise.trainers.warmstart.demonstrations import collect

NATIVE = PromptConfig(tools="native", style="tags")
TEMPLATES = {"coder": CODER, "llama": LLAMA31, "mistral": MISTRAL_CALLS}
ENVS: dict[str, dict[str, Any]] = {"calling/office-v1": {"show_functions": False}, "search/generated-v1": {}}


@pytest.fixture(scope="module", params=TEMPLATES)
def policy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersPolicy:
    folder: Path = tmp_path_factory.mktemp(request.param)
    words = tokenizer("bytes", TEMPLATES[request.param])
    words.save_pretrained(folder)
    model = model_of("Qwen2", vocab_size=len(words), max_position_embeddings=32_768, hidden_size=16)
    model.save_pretrained(folder)
    return TransformersPolicy(str(folder), device="cpu")


def demonstrated(env_id: str) -> Trajectory:
    (played,) = collect(env_id, ENVS[env_id], [3], max_turns=8, style="plain")
    return played


@pytest.mark.parametrize("env_id", ENVS)
def test_calls_are_learned_as_the_template_writes_them(env_id: str, policy: TransformersPolicy) -> None:
    played = demonstrated(env_id)
    (episode,) = to_chat_tokens([played], policy, NATIVE, "none", 32_768, 512)
    assert len(episode.turns) == len(played.turns) > 1
    tools, so_far = tools_of(played.turns[0].info["tools"]), ()
    codec: Any = policy.encoder(functions(tools), {})
    for turn in episode.turns:
        said = turn.generation
        assert said.support == (None,) * len(said.token_ids)
        assert said.token_ids[-1] == codec.end_id
        (parsed,) = read_native(said, tools, 9_999, 1, codec.opens_thought).steps
        assert call_in(tools, parsed.action) == call_in(tools, turn.action)
        assert (parsed.fault, said.prompt_ids[: len(so_far)]) == ("", so_far)
        so_far = said.prompt_ids + said.token_ids


def test_what_is_not_a_call_is_shown_and_not_learned(policy: TransformersPolicy) -> None:
    played = demonstrated("search/generated-v1")
    first, *others = played.turns
    odd = replace(played, turns=(replace(first, action="look"), *others))
    (episode,) = to_chat_tokens([odd], policy, NATIVE, "none", 32_768, 512)
    assert all(allowed is not None for allowed in episode.turns[0].generation.support)
    assert episode.turns[1].generation.support[0] is None
    with pytest.raises(UsageError, match="none of the demonstrated actions is a call"):
        to_chat_tokens([replace(odd, turns=odd.turns[:1])], policy, NATIVE, "none", 32_768, 512)


def test_an_action_is_the_call_that_it_was_written_from() -> None:
    tools = [command("take", "take {object} from {receptacle}", ""), command("look", "look", "")]
    assert call_in(tools, "take mug 1 from desk 2") == ("take", {"object": "mug 1", "receptacle": "desk 2"})
    assert call_in(tools, "look") == ("look", {})
    assert call_in(tools, "take mug 1") is None
    assert call_in(tools, '<tool_call>{"name": "find", "arguments": {"a": 1}}</tool_call>') == (
        "find",
        {"a": 1},
    )
    for broken in (
        "<tool_call>{</tool_call>",
        '<tool_call>"x"</tool_call>',
        "<tool_call>[1]</tool_call>",
        "",
    ):
        assert call_in(tools, broken) is None
