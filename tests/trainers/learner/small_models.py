"""Small random models of real architectures, and batches as if they had sampled them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from architectures import SIZES

from turnwise.agents.models import TransformersLM
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.trainers.learner.forward import score_batch
from turnwise.trainers.learner.sequences import PackedBatch, pack


def qwen2(dtype: torch.dtype | None = torch.float32, **changes: Any) -> TransformersLM:
    """Return a Qwen2 of a fixed seed; without a dtype in that of torch's default."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(**{**SIZES, "tie_word_embeddings": True, **changes}))
    return TransformersLM(model if dtype is None else model.to(dtype)).eval()


def sampled_by(model: TransformersLM, episodes: int = 4, turns: int = 3, seed: int = 0) -> PackedBatch:
    """Return conversations of random tokens, half of them drawn from a few, with the model's logprobs."""
    rng, made = np.random.default_rng(seed), []
    for number in range(episodes):
        prompt, said = tuple(rng.integers(5, 200, size=12).tolist()), []
        for index in range(turns):
            tokens = tuple(rng.integers(5, 200, size=6).tolist())
            few = tuple(
                None if place % 2 else tuple(sorted({token, 7, 9})) for place, token in enumerate(tokens)
            )
            generation = Generation("", prompt, tokens, (0.0,) * 6, few, temperature=0.7)
            said.append(Turn(index, "", "", "", 0.0, "", generation=generation))
            prompt = prompt + tokens + tuple(rng.integers(5, 200, size=5).tolist())
        made.append(Trajectory("e", "t", 0, str(number), tuple(said), "terminated"))
    batch = pack(made)
    return replace(batch, behaviour_N=score_batch(model, batch, 4096))


def advantages(batch: PackedBatch, seed: int = 1) -> np.ndarray:
    """Return a random advantage for each turn, by target."""
    return np.random.default_rng(seed).normal(size=batch.num_rows)[batch.row_N]


def weights(model: TransformersLM) -> torch.Tensor:
    """Return all weights, flat."""
    return torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()])
