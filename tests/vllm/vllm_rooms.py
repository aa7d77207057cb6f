"""Random models, and what stands between a learner and a server of vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.transformers import eos_ids, load_tokenizer
from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.http import HttpEngine
from turnwise.agents.policies.vllm.policy import VllmPolicy
from turnwise.agents.policies.vllm.process import EngineProcess
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.sampling import Sampling
from turnwise.trainers.sync.carriers import carrier_of
from turnwise.trainers.sync.engines import EngineSync

CONTEXT, BLOCK = 2048, 32
ARGUMENTS = (
    *("--dtype", "float32", "--max-model-len", str(CONTEXT), "--max-num-seqs", "64"),
    *("--enforce-eager", "--block-size", str(BLOCK)),
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def qwen2(
    folder: Path, *, tied: bool, seed: int = 0, dtype: torch.dtype = torch.float32, rough: float = 0.1
) -> Path:
    """Write a random Qwen2 of two layers whose tokens are bytes."""
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    base = Tokenizer(models.BPE({letter: place for place, letter in enumerate(alphabet)}, []))
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="<|im_end|>", pad_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = CHATML
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=256, max_position_embeddings=CONTEXT,
        tie_word_embeddings=tied, initializer_range=rough,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    Qwen2ForCausalLM(config).to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


OPEN: list[HttpEngine] = []


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run, and close the way to every engine."""

    async def inside() -> Any:
        try:
            return await work
        finally:
            while OPEN:
                await OPEN.pop().aclose()

    return asyncio.run(inside())


def parts_of(
    folder: Path, process: EngineProcess, way: Path, engine: type[HttpEngine] = HttpEngine, **more: Any
) -> SimpleNamespace:
    """Return a learner, an engine over HTTP, and the sync between them."""
    model = TransformersLM.load(str(folder), more.pop("dtype", torch.float32))
    if more.pop("rank", 0):
        model.adapt(str(folder), 8, 16.0, ())
    sampling = more.pop("sampling", Sampling())
    config = EngineConfig(timeout_s=600.0, **more)
    asked = engine("http://engine", config, process.model, process.transport())
    OPEN.append(asked)
    codec = ChatCodec(load_tokenizer(str(folder)), str(folder), eos_ids(model.model))
    policy = VllmPolicy([asked], codec, name="vllm", context_tokens=CONTEXT, vocab_size=model.vocab_size)
    sync = EngineSync(model, policy, carrier_of(model, str(way)), sampling, config, {})
    return SimpleNamespace(model=model, engine=asked, policy=policy, sync=sync)


@torch.no_grad()
def learn(model: TransformersLM, seed: int = 7) -> None:
    """Move every weight that trains."""
    drawn = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        if weight.requires_grad:
            weight += 0.02 * torch.randn(weight.shape, generator=drawn)
