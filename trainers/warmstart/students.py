"""What is cloned into: a tiny policy, new or not, or a model of the Hugging Face format."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ...agents.models import CausalLM
from ...agents.policies import AgentSettings
from ...agents.policies.places import model_place, policy_folder
from ...agents.policies.transformers import TransformersPolicy, load_tokenizer, save_tokenizer
from ...agents.prompts.config import PromptConfig
from ...agents.tiny.checkpoint import load_checkpoint, save_checkpoint
from ...agents.tiny.model import TinyConfig, TinyLM
from ...agents.tiny.tokenizer import TinyTokenizer
from ...agents.types import Trajectory
from ...errors import CheckpointError, UsageError
from ...streams import Stream, torch_seed
from ..policies import adapted, load_lm
from ..policies import get as get_kind
from ..recipe import Recipe
from ..sections import PolicySection
from .chat import to_chat_tokens
from .encoding import texts_of, to_tokens

Encode = Callable[[Sequence[Trajectory], PromptConfig, AgentSettings], list[Trajectory]]


@dataclass(frozen=True, slots=True)
class Student:
    """A model that is cloned into, how demonstrations become its tokens, and how it is saved."""

    model: CausalLM
    encode: Encode
    save: Callable[[Path], None]


def source_of(recipe: Recipe, start: Path | None) -> str:
    """Return what a warm start goes on from: a folder, or a name of the hub; "" for a new tiny policy.

    Raises:
        UsageError: if a model is needed and none is named.
        CheckpointMissing: if what is named holds no policy.
    """
    policy = recipe.policy
    if not get_kind(policy.kind).language_model:
        return str(policy_folder(start)) if start else ""
    given = str(start or recipe.warmstart.base or policy.checkpoint)
    if not given:
        raise UsageError(
            "warmstart.base is empty: a policy of kind 'transformers' is not made from nothing; name a model "
            "in warmstart.base, or with --from"
        )
    return model_place(given)


def load_student(recipe: Recipe, source: str) -> Student | None:
    """Load what a warm start goes on from; None where a new policy is to be made.

    Raises:
        UsageError: if [warmstart] asks for what the model cannot do.
        CheckpointError: if it cannot be loaded.
    """
    if get_kind(recipe.policy.kind).language_model:
        return _chat_student(recipe, source)
    if not source:
        return None
    try:
        return _tiny_student(recipe, *load_checkpoint(Path(source)))
    except CheckpointError as error:
        raise CheckpointError(
            f"{error}. policy.kind is 'tiny'; if {source} is a language model, set policy.kind=transformers"
        ) from error


def new_student(recipe: Recipe, played: Sequence[Trajectory]) -> Student:
    """Make a tiny policy whose tokenizer knows the texts of demonstrations."""
    tokenizer = TinyTokenizer.train(texts_of(played, recipe.prompt), recipe.policy.vocab_size)
    seed = torch_seed(recipe.train.seed, Stream.POLICY_WEIGHTS)
    return _tiny_student(recipe, TinyLM(_sizes(recipe.policy, tokenizer), seed=seed), tokenizer)


def _tiny_student(recipe: Recipe, model: TinyLM, tokenizer: TinyTokenizer) -> Student:
    def encode(
        played: Sequence[Trajectory], prompt: PromptConfig, settings: AgentSettings
    ) -> list[Trajectory]:
        room, length = model.context_tokens, settings.max_tokens
        return to_tokens(played, tokenizer, prompt, settings.constraint, room, length)

    def save(folder: Path) -> None:
        compact = recipe.warmstart.compact
        saved = copy.deepcopy(model).to(torch.bfloat16) if compact else model
        save_checkpoint(saved, tokenizer, folder)

    return Student(model, encode, save)


def _chat_student(recipe: Recipe, source: str) -> Student:
    section = recipe.warmstart
    if section.copy_steps or section.compact:
        raise UsageError(
            "warmstart.copy_steps and warmstart.compact are for policies of kind 'tiny'; leave them out, and "
            "let policy.dtype say what weights are"
        )
    model = adapted(load_lm(source, recipe.policy.dtype), source, recipe.policy)
    policy, tokenizer = TransformersPolicy(source, model=model), load_tokenizer(source)

    def encode(
        played: Sequence[Trajectory], prompt: PromptConfig, settings: AgentSettings
    ) -> list[Trajectory]:
        room = min(model.context_tokens, recipe.rollout.max_episode_tokens)
        return to_chat_tokens(played, policy, prompt, settings.constraint, room, settings.max_tokens)

    def save(folder: Path) -> None:
        model.merge()  # what is trained later is compared with the tuned model, not with the raw one
        model.save(folder)
        save_tokenizer(tokenizer, folder)

    return Student(model, encode, save)


def _sizes(section: PolicySection, tokenizer: TinyTokenizer) -> TinyConfig:
    return TinyConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=section.hidden_size,
        num_layers=section.num_layers,
        num_heads=section.num_heads,
        num_kv_heads=section.num_kv_heads,
        intermediate_size=section.intermediate_size,
        max_positions=section.context_tokens,
    )
