"""What an update and a rollout hold, as it was said and as it was measured, within a tenth.

Small models of a real architecture on the CPU; the allocator of torch is asked for the peak, which takes ten
seconds a setting: what differs from another in one thing alone is left to `make test-recipes`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from turnwise.agents.decoding import SamplingRows, sample
from turnwise.agents.models import KeptRow, Rows, TransformersLM
from turnwise.agents.models.lora import wrap
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.trainers.fit.measured import peak_of
from turnwise.trainers.fit.passes import Model, Pass
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.sequences import pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.sections import PolicySection

transformers = pytest.importorskip("transformers")
CPU = torch.device("cpu")
LEAN: dict[str, Any] = {"head_chunk": 24, "checkpointing": True}
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {
    "float32": ({"dtype": "float32"}, {}, 0.001),
    "float32, chunks": ({"dtype": "float32"}, {"head_chunk": 24}, 0.0),
    "bfloat16": ({"dtype": "bfloat16"}, {}, 0.0),
    "bfloat16, chunks, checkpointing": ({"dtype": "bfloat16"}, LEAN, 0.0),
    "bfloat16, chunks, checkpointing, entropy": ({"dtype": "bfloat16"}, LEAN, 0.001),
    "bfloat16, no copies": ({"dtype": "bfloat16"}, {"checkpointing": True, "master": "none"}, 0.0),
    "bfloat16, offload": ({"dtype": "bfloat16"}, {**LEAN, "adam": "offload"}, 0.0),
    "bfloat16, adapter": ({"dtype": "bfloat16", "lora_rank": 4}, LEAN, 0.0),
}
ALWAYS = ("float32", "bfloat16, chunks, checkpointing, entropy", "bfloat16, offload", "bfloat16, adapter")


@cache
def config() -> Any:
    return transformers.Qwen2Config(
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        vocab_size=6000,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )


def built(policy: PolicySection) -> TransformersLM:
    model = transformers.Qwen2ForCausalLM(config()).to(getattr(torch, policy.dtype))
    lm = TransformersLM(model).eval()
    if policy.lora_rank:
        wrap(lm.model, policy.lora_rank, policy.lora_alpha, policy.lora_targets)
        lm.train(False)
    return lm


def updated(policy: PolicySection, size: Pass, optim: OptimConfig, entropy_coef: float) -> None:
    """Take two updates of two micro-batches; the second has the moments of the first."""
    said = tuple(range(7, 7 + size.chosen))
    generation = Generation("", (5,) * (size.length - size.chosen + 1), said, (0.0,) * size.chosen)
    turn = Turn(0, "", "", "", 0.0, "", generation=generation)
    batch = pack([Trajectory("e", "t", 0, str(n), (turn,), "terminated") for n in range(2 * size.rows)])
    learner = Learner(built(policy), optim, ObjectiveConfig(entropy_coef=entropy_coef))
    for seed in range(2):
        learner.update(batch, np.random.default_rng(seed).normal(size=batch.num_targets))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.recipes) for name in SETTINGS]
)
def test_an_update_takes_what_was_said_within_a_tenth(name: str) -> None:
    policy, optim, entropy_coef = SETTINGS[name]
    if "lora_rank" in policy:
        pytest.importorskip("peft")
    section, size = PolicySection(**policy), Pass(3, 64, 48)
    asked = OptimConfig(micro_tokens=3 * 64, mismatch_limit=1e9, spike_limit=1e9, **optim)
    found = Model(config(), section).learned(size, asked, entropy_coef > 0)
    said = sum(getattr(found, field) for field in found.__slots__)
    measured = peak_of(lambda: updated(section, size, asked, entropy_coef), CPU)
    assert said == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("prompt", [12, 60])
def test_a_rollout_takes_what_was_said_within_a_tenth(prompt: int) -> None:
    """Each row draws to its end: short prompts have their peak there, long ones while they are read."""
    section, size = PolicySection(dtype="bfloat16"), Pass(12, 64, prompt)
    lm = built(section)

    def play() -> None:
        engine = Rows(lm.model, [KeptRow([], []) for _ in range(size.rows)], ())
        asked = SamplingRows([Sampling()] * size.rows, np.full(size.rows, 0.5), [None] * size.rows)
        for tokens in (prompt, *[1] * (size.length - prompt)):
            sample(engine.append(range(size.rows), [[5] * tokens] * size.rows), asked)

    found = Model(config(), section).sampled(size)
    assert found.cache + found.forward == pytest.approx(peak_of(play, CPU), rel=0.1)
