"""A small random model of Qwen3's kind in a folder, whose tokenizer has the tokens of calls and thoughts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chats
from architectures import model_of


def calling_tokenizer(template: str) -> Any:
    """Return a tokenizer of bytes with ChatML's tokens and those of thoughts and calls."""
    made = chats.tokenizer.__wrapped__("bytes", template)
    made.add_tokens(["</tool_call>"])
    made.add_special_tokens({"pad_token": "<|endoftext|>"})
    made.eos_token = "<|im_end|>"
    return made


def write_calling_model(folder: Path, template: str, **changes: Any) -> Path:
    """Write the model and its tokenizer into a folder."""
    words = calling_tokenizer(template)
    ids = {"eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id, "bos_token_id": None}
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 8}
    model = model_of(
        "Qwen3", **{**sizes, **ids, "vocab_size": len(words), "max_position_embeddings": 8192, **changes}
    )
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
