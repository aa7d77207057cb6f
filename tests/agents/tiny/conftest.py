"""A small model with weights large enough that its distributions are far from uniform."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from turnwise.agents.tiny import TinyConfig, TinyLM, TinyTokenizer, save_checkpoint

TEXTS = [
    "You are in a kitchen. You see a drawer 1, a shelf 2, a cabinet 3, a fridge 12.",
    "Your task is to put a clean apple in the fridge 12.",
    "go to drawer 1",
    "take apple 2 from shelf 2",
    "You arrive at shelf 2. On it you see an apple 2 and a mug 1.",
] * 4


@pytest.fixture(scope="session")
def tokenizer() -> TinyTokenizer:
    return TinyTokenizer.train(TEXTS, 400)


@pytest.fixture(scope="session")
def model(tokenizer: TinyTokenizer) -> TinyLM:
    sizes = {"hidden_size": 32, "num_layers": 3, "num_heads": 4, "num_kv_heads": 2, "intermediate_size": 48}
    lm = TinyLM(TinyConfig(vocab_size=tokenizer.vocab_size, max_positions=256, **sizes))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, weight in lm.named_parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, 0.5 / weight.shape[1] ** 0.5, generator=generator)
            elif name.endswith("bias"):
                weight.normal_(0.0, 0.1, generator=generator)
        lm.embed.weight.normal_(0.0, 0.4, generator=generator)
    return lm


@pytest.fixture(scope="session")
def folder(model: TinyLM, tokenizer: TinyTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(model, tokenizer, place)
    return place
