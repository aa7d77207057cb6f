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
from turnwise.trainers.learner import probe
from turnwise.trainers.learner.probe import rehearse
from turnwise.trainers.sync.probe import Limit

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


def test_in_16_bits_a_lost_matrix_is_more_than_rounding() -> None:
    model = TransformersLM.load(str(MODEL), torch.bfloat16)
    tolerance = rehearse(model)
    assert 0.05 < tolerance.measured < 0.2
    with torch.no_grad():
        rows, targets = probe._probe(model, 1.0)
        right_N = probe._logprobs(model, rows, targets, 1.0).double()
        model.model.model.layers[15].mlp.down_proj.weight.zero_()
        apart_N = probe._logprobs(model, rows, targets, 1.0).double() - right_N
    assert float((apart_N.expm1() - apart_N).mean()) > tolerance.kl
    assert float(apart_N.abs().mean()) > Limit.of(torch.bfloat16, tolerance).mean
