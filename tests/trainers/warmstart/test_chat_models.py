"""A model with a chat template learns from demonstrations, of teachers or out of files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.tiny.tokenizer import TinyTokenizer
from turnwise.agents.trajectories import write_trajectories
from turnwise.agents.types import Generation
from turnwise.errors import CheckpointError, UsageError
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.validate import validate
from turnwise.trainers.warmstart.chat import to_chat_tokens
from turnwise.trainers.warmstart.demonstrations import collect
from turnwise.trainers.warmstart.encoding import to_tokens
from turnwise.trainers.warmstart.stored import read_stored
from turnwise.trainers.warmstart.warmstart import warm_start

Lights = Callable[..., Recipe]
FREE = {"constraint": "none", "max_tokens": 64, "max_episode_tokens": 900}


def recipe_for(taught: Lights, base: Path, **changes: dict) -> Recipe:
    tables = {
        "policy": {"kind": "transformers"},
        "warmstart": {"base": str(base), "max_steps": 3, "batch_size": 4, "episodes": 12},
        "rollout": FREE,
        "prompt": {"style": "tags"},
        "optim": {"learning_rate": 1e-3, "micro_tokens": 512, "head_chunk": 16},
    }
    for name, table in changes.items():
        tables[name] = {**tables.get(name, {}), **table}
    return taught(**tables)


def test_only_the_agents_tokens_are_learned_and_the_rest_is_the_template(
    taught: Lights, chat_model: Path
) -> None:
    recipe = recipe_for(taught, chat_model)
    played = collect(recipe.env.id, {}, [3], max_turns=2, style="plan")
    policy = TransformersPolicy(str(chat_model))
    (episode,) = to_chat_tokens(played, policy, recipe.prompt, "none", 900, 64)
    first, second = (turn.generation for turn in episode.turns)
    action, goal = played[0].turns[0].action, played[0].turns[0].subgoal
    said = f"<think>{goal}</think>\n<action>{action}</action>"
    assert first.text == said
    assert policy._chat.decode(first.token_ids) == said
    assert first.token_ids[-1] == policy._chat.end_id
    assert first.support == (None,) * len(first.token_ids)
    assert second.prompt_ids[: len(first.prompt_ids + first.token_ids)] == first.prompt_ids + first.token_ids
    (short,) = to_chat_tokens(played, policy, recipe.prompt, "none", 900, 5)
    assert all(allowed is not None for turn in short.turns for allowed in turn.generation.support)


def test_before_turns_are_left_out_a_teacher_notes_what_it_did(taught: Lights, chat_model: Path) -> None:
    prompt = PromptConfig(style="tags", compact_after=1, history=1, compaction="summary")
    played = collect(recipe_for(taught, chat_model).env.id, {}, [3], max_turns=3, style="plan")
    policy = TransformersPolicy(str(chat_model))
    (episode,) = to_chat_tokens(played, policy, prompt, "none", 900, 200)
    done = [turn.action for turn in episode.turns]
    first, second, third = (turn.generation for turn in episode.turns)
    assert "<summary>" not in first.text
    assert f"<summary>Done so far: {done[0]}.</summary>\n<action>{done[1]}</action>" in second.text
    assert f"<summary>Done so far: {done[0]}; {done[1]}.</summary>" in third.text
    shown = policy._chat.decode(third.prompt_ids)
    assert f"[1 turn is left out here. Your summary of what was said:]\nDone so far: {done[0]}." in shown
    tiny = TinyTokenizer.train(turn.observation for turn in played[0].turns)
    (episode,) = to_tokens(played, tiny, prompt, "none", 900, 200)
    assert episode.turns[1].generation.text.startswith(f"<summary>Done so far: {done[0]}.</summary>")


def test_a_model_is_cloned_resumed_and_saved_as_one(taught: Lights, chat_model: Path, tmp_path: Path) -> None:
    recipe = recipe_for(taught, chat_model, warmstart={"thoughts": True})
    validate(recipe)
    losses: list[float] = []
    whole = warm_start(recipe, tmp_path / "whole")
    assert whole.num_steps == 3
    assert whole.loss is not None

    def interrupt(text: str, share: float) -> None:
        losses.append(share)
        if share > 0.3 and text.startswith("cloning"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warm_start(recipe, tmp_path / "broken", interrupt)
    assert not (tmp_path / "broken").exists()
    again = warm_start(recipe, tmp_path / "broken")
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken"))
    assert one == two
    assert again.loss == whole.loss
    before, after = (AutoModelForCausalLM.from_pretrained(f) for f in (chat_model, tmp_path / "whole"))
    moved = [not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True)]
    assert all(moved)
    assert json.loads((tmp_path / "whole" / "warmstart.json").read_text())["steps"] == 3


def test_it_learns_what_it_is_shown(taught: Lights, chat_model: Path, tmp_path: Path) -> None:
    section = {"max_steps": 40, "learning_rate": 1e-2, "batch_size": 8}
    losses: list[float] = []

    def note(text: str, share: float) -> None:
        if "loss" in text:
            losses.append(float(text.split()[-1]))

    cloned = warm_start(recipe_for(taught, chat_model, warmstart=section), tmp_path / "warm", note)
    assert losses[0] > 5.0  # 258 tokens of equal chance: 5.55
    assert cloned.loss is not None
    assert cloned.loss < 2.0


def test_stored_trajectories_teach_what_was_said(taught: Lights, chat_model: Path, tmp_path: Path) -> None:
    recipe = recipe_for(taught, chat_model, warmstart={"max_steps": 1})
    played = collect(recipe.env.id, {}, [1, 2, 3], max_turns=3)
    said = [
        replace(
            each,
            turns=tuple(
                replace(
                    turn,
                    malformed=turn.index == 1,
                    generation=Generation(f"<think>blue?</think><action>{turn.action}</action>"),
                )
                for turn in each.turns
            ),
        )
        for each in played
    ]
    file = tmp_path / "trajectories" / "update-000001.jsonl.gz"
    write_trajectories(file, said)
    policy = TransformersPolicy(str(chat_model))
    encoded = to_chat_tokens(read_stored([file], recipe.prompt), policy, recipe.prompt, "none", 900, 64)
    first, malformed = (turn.generation for turn in encoded[0].turns[:2])
    assert first.text == f"<think>blue?</think>\n<action>{said[0].turns[0].action}</action>"
    assert set(first.support) == {None}
    assert malformed.support == tuple((token,) for token in malformed.token_ids)  # nothing to learn
    cloned = warm_start(recipe, tmp_path / "warm", stored=[tmp_path / "trajectories"])
    assert (cloned.num_demonstrations, cloned.num_steps) == (3, 1)
    bare = [replace(each, turns=tuple(replace(t, info={}) for t in each.turns)) for each in said]
    write_trajectories(file, bare)
    shown = recipe_for(taught, chat_model, prompt={"show_admissible": True})
    with pytest.raises(UsageError, match=r"rollout\.drop_info"):
        warm_start(shown, tmp_path / "other", stored=[file])
    assert not (tmp_path / "other").exists()


def test_a_language_model_is_no_tiny_policy(taught: Lights, chat_model: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"set policy\.kind=transformers"):
        warm_start(taught(), tmp_path / "warm", start=chat_model)


def test_without_a_model_it_says_what_to_name(taught: Lights, tmp_path: Path) -> None:
    recipe = taught(policy={"kind": "transformers"})
    with pytest.raises(UsageError, match=r"warmstart\.base"):
        warm_start(recipe, tmp_path / "warm")
    with pytest.raises(UsageError, match=r"warmstart\.base"):
        validate(recipe)
