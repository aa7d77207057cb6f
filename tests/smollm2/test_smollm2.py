"""A real pretrained model through our engine and learner: `make test-smollm2`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch

from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import GenerationRequest, Message

MODEL = Path(__file__).resolve().parents[2] / ".smollm2" / "model"

pytestmark = [
    pytest.mark.smollm2,
    pytest.mark.skipif(not MODEL.is_dir(), reason="SmolLM2 is not there: make smollm2"),
]


def test_it_answers_a_question_and_the_learner_agrees_with_the_engine() -> None:
    model = TransformersLM.load(str(MODEL), torch.bfloat16)
    policy = TransformersPolicy(str(MODEL), model=model)
    asked = GenerationRequest(
        messages=(Message("user", "What is the capital of France?"),),
        max_tokens=16,
        sampling=Sampling(temperature=0.0),
        key=(0,),
    )

    async def ask() -> tuple[str, float]:
        said = await policy.generate(asked)
        own = await policy.score(said.prompt_ids, said.token_ids)
        await policy.aclose()
        return said.text, sum(own)

    text, logprob = asyncio.run(ask())
    assert text.strip() == "The capital of France is Paris."
    assert logprob > -3.0  # greedy words of a model that knows: 8 tokens
    assert sum(weight.numel() for weight in model.parameters()) == 134_515_008
