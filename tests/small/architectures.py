"""Small random models of real architectures, and folders of them with a tokenizer and a chat template.

The templates are of the kinds that the models have: Qwen's in ChatML (Qwen3's can turn thinking off),
Llama 3's, and Gemma's, which refuses a system message and calls the assistant "model".
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from chats import CALLING, CHATML, LLAMA3
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SIZES: dict[str, Any] = {
    "vocab_size": 200,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 512,
}
SPECIAL_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
GEMMA = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}<bos>"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
TEMPLATES = {"Qwen2": CHATML, "Qwen3": CALLING, "Llama": LLAMA3, "Gemma": GEMMA}
"""The architectures that recipes are tried on."""

_ENDS = {"Qwen2": "<|im_end|>", "Qwen3": "<|im_end|>", "Llama": "<|eot_id|>", "Gemma": "<end_of_turn>"}
_SPECIAL = (
    "<pad>", "<bos>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>",
)  # fmt: skip
_TEXTS = Path(__file__).resolve().parents[1] / "golden" / "prompts"


def model_of(kind: str, dtype: torch.dtype = torch.float32, **changes: Any) -> Any:
    """Return a model of a kind of the transformers library, of a fixed seed."""
    import transformers

    config = getattr(transformers, f"{kind}Config")(**{**SIZES, **SPECIAL_IDS, **changes})
    torch.manual_seed(0)
    return getattr(transformers, f"{kind}ForCausalLM")(config).to(dtype).eval()


def write_model(kind: str, folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write a model of one of `TEMPLATES` with its tokenizer into a folder."""
    from transformers import PreTrainedTokenizerFast

    words = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(pieces()), pad_token="<pad>", eos_token=_ENDS[kind]
    )
    words.add_special_tokens({"additional_special_tokens": list(_SPECIAL)})
    words.chat_template = TEMPLATES[kind]
    ids = {"eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id, "bos_token_id": None}
    head = {} if kind == "Llama" or kind == "Qwen2" else {"head_dim": 8}
    model = model_of(kind, dtype, **head, **ids, vocab_size=len(words), max_position_embeddings=4096)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@cache
def pieces() -> str:
    """Return a tokenizer of bytes whose pieces are from what environments say, as JSON."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=900, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([file.read_text() for file in sorted(_TEXTS.glob("*.txt"))], trainer)
    return str(made.to_str())
