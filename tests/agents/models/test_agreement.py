"""Models of real architecture classes: those that we compute as they do themselves load, others are refused.

1. Qwen2, Qwen3, Llama, Mistral, Gemma, mixtures of experts, scaled rotary positions: taken, in 16 bits too;
2. windows of attention, caps and factors on logits: refused with what they are, and nothing is left changed;
3. models that cannot be run so at all: refused;
4. what loads answers as `generate` does, through a chat template.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from architectures import model_of

from turnwise.agents.models import TransformersLM
from turnwise.agents.models.agreement import check_agreement
from turnwise.errors import CheckpointError

transformers = pytest.importorskip("transformers")
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
    "rope_theta": 5e5,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "rope_theta": 1e6}
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "original_max_position_embeddings": 128, "rope_theta": 1e4}
TAKEN: dict[str, dict[str, Any]] = {
    "Qwen2": {},
    "Qwen3": {"head_dim": 8},
    "Llama": {"rope_parameters": LLAMA3},
    "SmolLM3": {"rope_parameters": YARN},
    "Mistral": {"sliding_window": None},
    "Gemma": {"head_dim": 8},
    "Qwen3Moe": {"head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32},
}
WINDOW = {"sliding_window": 64}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "Mistral": (WINDOW, "the engine would not compute .* sliding_window = 64"),
    "Qwen2": ({**WINDOW, "use_sliding_window": True, "max_window_layers": 0}, "sliding_window = 64"),
    "Gemma2": ({**WINDOW, "head_dim": 8}, "sliding_window = 64, final_logit_softcapping = 30.0"),
    "Granite": ({"logits_scaling": 8.0}, "the learner would not compute .* logits_scaling = 8.0"),
    "Cohere": ({"logit_scale": 0.0625}, "logit_scale = 0.0625"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", TAKEN)
def test_models_that_we_compute_as_they_do_are_taken(kind: str, dtype: torch.dtype) -> None:
    check_agreement(TransformersLM(model_of(kind, dtype, **TAKEN[kind])), kind)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", REFUSED)
def test_others_are_refused_with_the_cause(kind: str, dtype: torch.dtype) -> None:
    changes, message = REFUSED[kind]
    model = model_of(kind, dtype, **changes)
    before = model.config.to_dict()
    with pytest.raises(CheckpointError, match=f"{kind}: .*{message}"):
        check_agreement(TransformersLM(model), kind)
    assert model.config.to_dict() == before


def test_a_cap_on_logits_is_seen_though_small_logits_hardly_feel_it() -> None:
    layers = ["full_attention"] * 2
    capped = model_of("Gemma2", head_dim=8, layer_types=layers)
    with pytest.raises(CheckpointError, match=r"the learner .* final_logit_softcapping = 30\.0"):
        check_agreement(TransformersLM(capped), "gemma2")
    check_agreement(
        TransformersLM(model_of("Gemma2", head_dim=8, layer_types=layers, final_logit_softcapping=None)), ""
    )


def test_a_model_without_attention_is_refused_when_loaded(tmp_path: Path) -> None:
    config = transformers.MambaConfig(vocab_size=200, hidden_size=32, num_hidden_layers=1)
    transformers.MambaForCausalLM(config).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"Mamba.*take a model whose layers attend"):
        TransformersLM.load(str(tmp_path))


def test_positions_that_depend_on_the_length_limit_the_context() -> None:
    lm = TransformersLM(model_of("Llama", rope_parameters=DYNAMIC))
    assert lm.context_tokens == 128
    assert TransformersLM(model_of("Llama", rope_parameters=LLAMA3)).context_tokens == 512
