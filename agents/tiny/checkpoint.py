"""Folders of a tiny policy: config.json, model.safetensors, tokenizer.json.

A folder is a Hugging Face checkpoint like any other: `AutoModelForCausalLM` and
`PreTrainedTokenizerFast` read it, chat template included. (`AutoTokenizer` of
transformers 5 puts Qwen2's own splitting of digits into any tokenizer beside a
config of that type, whatever the folder says.) Each file is written beside its
place and renamed, so that an interrupted save leaves the former one whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ...errors import CheckpointError, UsageError
from ...files import read_json, write_whole
from .model import TinyConfig, TinyLM
from .tokenizer import CHAT_TEMPLATE, END, PAD, SPECIAL_TOKENS, TinyTokenizer

# Name in config.json -> name in TinyConfig.
_CONFIG_NAMES = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "num_key_value_heads": "num_kv_heads",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_positions",
    "rope_theta": "rope_theta",
    "rms_norm_eps": "rms_norm_eps",
}
_PLAIN = {
    "attention_norm": "input_layernorm.weight",
    "mlp_norm": "post_attention_layernorm.weight",
    "out.weight": "self_attn.o_proj.weight",
    "down.weight": "mlp.down_proj.weight",
}


def save_model(model: TinyLM, folder: Path) -> None:
    """Write config.json and model.safetensors of a model into a folder, made if missing."""
    config = model.config
    values: dict[str, Any] = {theirs: getattr(config, ours) for theirs, ours in _CONFIG_NAMES.items()}
    values |= {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "dtype": "float32",
        "bos_token_id": None,
        "pad_token_id": SPECIAL_TOKENS.index(PAD),
        "eos_token_id": SPECIAL_TOKENS.index(END),
    }
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in to_hugging_face(model).items()}
    write_whole(folder / "model.safetensors", save(weights, metadata={"format": "pt"}))
    write_whole(folder / "config.json", json.dumps(values, indent=2, sort_keys=True).encode() + b"\n")


def save_checkpoint(model: TinyLM, tokenizer: TinyTokenizer, folder: Path) -> None:
    """Write a model and its tokenizer into a folder, made if missing.

    Raises:
        UsageError: if the tokenizer is not the model's.
    """
    check_fit(model, tokenizer, "the model given")
    save_model(model, folder)
    write_whole(folder / "tokenizer.json", tokenizer.to_json().encode())
    description = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": CHAT_TEMPLATE,
        "eos_token": END,
        "pad_token": PAD,
        "clean_up_tokenization_spaces": False,
        "model_max_length": model.config.max_positions,
    }
    text = json.dumps(description, indent=2, sort_keys=True)
    write_whole(folder / "tokenizer_config.json", text.encode() + b"\n")


def load_model(folder: Path) -> TinyLM:
    """Read a model that `save_model` wrote, or any Qwen2 of its kind with tied embeddings.

    Raises:
        CheckpointError: naming the file and the reason.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; expected a checkpoint folder")
    values = read_json(path)
    if values.get("model_type") != "qwen2" or not values.get("tie_word_embeddings"):
        raise CheckpointError(
            f"{path}: model_type {values.get('model_type')!r}, tie_word_embeddings "
            f"{values.get('tie_word_embeddings')!r}; a tiny policy is a qwen2 with tied embeddings "
            "(load others with hf:FOLDER)"
        )
    rope = values.get("rope_parameters") or {}
    values.setdefault("rope_theta", rope.get("rope_theta"))
    missing = sorted(name for name in _CONFIG_NAMES if values.get(name) is None)
    if missing:
        raise CheckpointError(f"{path}: lacks {', '.join(missing)}")
    try:
        sizes = {ours: int(values[theirs]) for theirs, ours in _CONFIG_NAMES.items()}
        rates = {ours: float(values[ours]) for ours in ("rope_theta", "rms_norm_eps")}
        config = TinyConfig(**(sizes | rates))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    model = TinyLM(config)
    weights = folder / "model.safetensors"
    try:
        model.copy_weights(from_hugging_face(load_file(weights), config))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{weights}: cannot be read as safetensors: {error}") from error
    except (KeyError, UsageError) as error:
        raise CheckpointError(f"{weights}: does not fit config.json: {error}") from error
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise CheckpointError(f"{weights}: holds weights that are not finite")
    return model


def load_checkpoint(folder: Path) -> tuple[TinyLM, TinyTokenizer]:
    """Read a model and its tokenizer from a folder that `save_checkpoint` wrote.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
    """
    model = load_model(folder)
    tokenizer = TinyTokenizer.load(folder / "tokenizer.json")
    try:
        check_fit(model, tokenizer, str(folder / "config.json"))
    except UsageError as error:
        raise CheckpointError(str(error)) from error
    return model, tokenizer


def is_tiny(folder: Path) -> bool:
    """Tell whether a folder is a tiny policy's, and not that of another model of the Hugging Face format.

    Raises:
        CheckpointError: naming the file that is missing or broken.
    """
    values = read_json(folder / "config.json")
    if values.get("model_type") != "qwen2" or not values.get("tie_word_embeddings"):
        return False
    if not (folder / "tokenizer.json").is_file():
        return True  # broken, as load_checkpoint says better
    added = read_json(folder / "tokenizer.json").get("added_tokens", ())
    first = {token["id"]: token["content"] for token in added}
    return all(first.get(number) == token for number, token in enumerate(SPECIAL_TOKENS))


def check_fit(model: TinyLM, tokenizer: TinyTokenizer, given: str) -> None:
    """Check that a model and a tokenizer have the same tokens; `given` names them in the error.

    Raises:
        UsageError: if they do not.
    """
    if tokenizer.vocab_size != model.config.vocab_size:
        raise UsageError(
            f"{given}: a model of {model.config.vocab_size} tokens, a tokenizer of {tokenizer.vocab_size}; "
            "expected the same: TinyConfig(vocab_size=tokenizer.vocab_size)"
        )


def to_hugging_face(model: TinyLM) -> dict[str, Tensor]:
    """Return the weights under the names of Qwen2ForCausalLM."""
    c = model.config
    weights = {
        "model.embed_tokens.weight": model.embed.weight.detach(),
        "model.norm.weight": model.norm.detach(),
    }
    for index, layer in enumerate(model.blocks()):
        own = {name: value.detach() for name, value in layer.named_parameters()}
        prefix = f"model.layers.{index}."
        for ours, theirs in _PLAIN.items():
            weights[prefix + theirs] = own[ours]
        for kind in ("weight", "bias"):
            parts = torch.split(own[f"qkv.{kind}"], [c.q_size, c.kv_size, c.kv_size])
            for letter, part in zip("qkv", parts, strict=True):
                weights[f"{prefix}self_attn.{letter}_proj.{kind}"] = part
        gate, up = own["gate_up.weight"].chunk(2)
        weights[prefix + "mlp.gate_proj.weight"] = gate
        weights[prefix + "mlp.up_proj.weight"] = up
    return weights


def from_hugging_face(weights: Mapping[str, Tensor], config: TinyConfig) -> dict[str, Tensor]:
    """Return the weights of Qwen2ForCausalLM under the names of TinyLM.

    Raises:
        KeyError: if a weight is missing.
    """
    own = {"embed.weight": weights["model.embed_tokens.weight"], "norm": weights["model.norm.weight"]}
    for index in range(config.num_layers):
        ours_prefix, prefix = f"layers.{index}.", f"model.layers.{index}."
        for ours, theirs in _PLAIN.items():
            own[ours_prefix + ours] = weights[prefix + theirs]
        for kind in ("weight", "bias"):
            parts = [weights[f"{prefix}self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            own[f"{ours_prefix}qkv.{kind}"] = torch.cat(parts)
        gate_up = [weights[f"{prefix}mlp.{name}_proj.weight"] for name in ("gate", "up")]
        own[f"{ours_prefix}gate_up.weight"] = torch.cat(gate_up)
    return own
