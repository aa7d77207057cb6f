"""A small random model of Qwen3's kind in a folder, whose tokenizer has the tokens of calls and thoughts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chats
from architectures import model_of, pieces
from tokenizers import Tokenizer


def calling_tokenizer(template: str) -> Any:
    """Return a tokenizer of pieces of our texts, with the tokens of ChatML, thoughts and calls."""
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(pieces()), pad_token="<|endoftext|>")
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    made.add_tokens([*chats.ADDED, "</tool_call>"])
    made.chat_template, made.eos_token = template, "<|im_end|>"
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
