"""Small trainings by `train`, as the command does them: a chat model of random weights, and a recipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from turnwise.agents.models import without_bars
from turnwise.trainers.recipe import Recipe, from_tables
from turnwise.trainers.runs.arithmetic import prepare_torch
from turnwise.trainers.sections import TrainSection

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "small"))
import chats

_TOKENS = 4096  # of an episode at most: a token is a byte


@dataclass(frozen=True, slots=True)
class Size:
    """How large a training is."""

    width: int  # of the model
    layers: int
    groups: int  # of an update
    members: int
    turns: int
    said: int  # tokens of a message
    updates: int


@contextmanager
def deterministic() -> Iterator[None]:
    """Ask torch for algorithms that give the same each time, as `train.deterministic` does."""
    threads = torch.get_num_threads()
    try:
        prepare_torch(TrainSection(threads=threads))
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)  # `train` has set its own


def chat_model(folder: Path, *, width: int, layers: int) -> Path:
    """Write a chat model with random weights, whose tokens are bytes."""
    tokenizer = chats.tokenizer("bytes", chats.CHATML)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=max(4, width // 64),
        num_key_value_heads=max(2, width // 128),
        max_position_embeddings=_TOKENS,
    )
    with without_bars():
        Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def asked(checkpoint: Path, sections: Mapping[str, Mapping[str, Any]]) -> Recipe:
    """Return a recipe: a model of `chat_model` in the household, and what a section says beside that."""
    given: dict[str, dict[str, Any]] = {
        "env": {"id": "household/demo-v0"},
        "policy": {"kind": "transformers", "checkpoint": str(checkpoint)},
        "rollout": {"max_episode_tokens": _TOKENS},
        "optim": {"head_chunk": 8, "checkpointing": True},
        "train": {"save_every": 1},
        "eval": {"every": 0, "episodes": 0},
        "log": {"console": False},
    }
    names = {**given, **sections}
    return from_tables({name: {**given.get(name, {}), **sections.get(name, {})} for name in names})
