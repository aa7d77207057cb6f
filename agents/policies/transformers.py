"""TransformersPolicy: any causal language model of the transformers library with a chat template.

What it runs is in agents/models/rows.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError, UsageError
from ...files import read_json, write_whole
from ..decoding.caching import CachingPolicy
from ..decoding.local import ScoreJob
from ..decoding.scoring import score_continuations
from ..models import RowConversations, TransformersLM
from ..models.hub import check_reachable
from ..prompts.chat_template import ChatCodec
from ..types import Encoder, FinishReason, Message

_SAMPLE = "You are in a kitchen. Take the tomato and clean it, please; 3 turns are left."
_TOKENIZER, _PLAIN = "tokenizer_config.json", "PreTrainedTokenizerFast"
_MAX_ENCODERS = 16
"""Kept at once: of an environment whose tools change from task to task."""


class TransformersPolicy(CachingPolicy[RowConversations]):
    """A checkpoint of the Hugging Face format that generates.

    Keys and values of a conversation are kept from turn to turn, as long as its
    next prompt continues what it holds. Models whose layers all attend are
    supported; recurrent and sliding caches are not.

    Args:
        name_or_path: a folder, or a name in the local cache of the hub.
        dtype: of the weights; by default bfloat16 on an accelerator, float32 on the CPU.
        device: where to run; by default an accelerator if there is one.
        version: the version of the weights.
        max_batch: the largest batch.
        cache_tokens: how many tokens of conversations are kept between turns.
        model: a loaded model to share, e.g. with a learner; `name_or_path` then
            names the tokenizer only.

    Raises:
        CheckpointError: if the model or its tokenizer cannot be loaded, or they do not belong together.
        PolicyError: if the chat template is missing or cannot be used.
    """

    def __init__(
        self,
        name_or_path: str,
        *,
        dtype: str | torch.dtype | None = None,
        device: str | None = None,
        version: int = 0,
        max_batch: int = 32,
        cache_tokens: int = 65_536,
        model: TransformersLM | None = None,
    ) -> None:
        if model is None:
            device = device or ("cuda" if torch.cuda.is_available() else "cpu")
            model = TransformersLM.load(name_or_path, dtype_of(dtype, device)).to(device).eval()
        self.model = model
        tokenizer = load_tokenizer(name_or_path)
        self._chat = ChatCodec(tokenizer, name_or_path, eos_ids(model.model))
        _check_size(self._chat, len(tokenizer), model.vocab_size, name_or_path)
        super().__init__(
            model,
            partial(RowConversations, max_tokens=cache_tokens),
            self._chat,
            encode_message=self._chat.encode_message,
            name=name_or_path,
            version=version,
            context_tokens=model.context_tokens,
            vocab_size=model.vocab_size,
            max_batch=max_batch,
        )
        self.opens_thought = self._chat.opens_thought
        self._encoders: dict[str, Encoder] = {}

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens."""
        return self._chat.encode_prompt(messages)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""
        return self._chat.encode_reply(messages, finish_reason)

    def encoder(self, tools: Sequence[Mapping[str, Any]], template: Mapping[str, Any]) -> Encoder:
        """Return what renders prompts with functions to call, and with arguments of the chat template.

        Raises:
            PolicyError: if the template shows no tools, or cannot be used so.
            UsageError: if an argument cannot be set.
        """
        if not tools and not template:
            return self._chat
        key = json.dumps([list(tools), dict(template)], sort_keys=True, default=str)
        if key not in self._encoders:
            if len(self._encoders) >= _MAX_ENCODERS:
                self._encoders.pop(next(iter(self._encoders)))
            self._encoders[key] = self._chat.asked(tools, template)
        return self._encoders[key]

    def update_weights(self, state_dict: Mapping[str, Tensor] | None, version: int) -> None:
        """Take newer weights between two batches; caches become stale.

        Args:
            state_dict: the weights, or None where the shared model itself was trained.
            version: their version.

        Raises:
            UsageError: if the weights are those of another model.
        """
        with self._lock:
            if state_dict is not None:
                try:
                    self.model.load_state_dict(state_dict)
                except RuntimeError as error:
                    raise UsageError(f"weights of another model: {error}") from error
            self.version = version
            self._own.clear()

    def take_figures(self) -> dict[str, float]:
        """Return what the cache of conversations did since the last call."""
        with self._lock:
            return self._own.take_use().figures()

    def _score(self, jobs: list[ScoreJob]) -> list[tuple[float, ...]]:
        return score_continuations(self.model, jobs)


def load_tokenizer(name_or_path: str) -> Any:
    """Load a tokenizer of the transformers library.

    A folder whose tokenizer_config.json asks for PreTrainedTokenizerFast gets it:
    AutoTokenizer would go by the type of the model and split text another way.

    Raises:
        CheckpointError: if there is none, or it cannot be read.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    check_reachable(name_or_path)
    description = Path(name_or_path) / _TOKENIZER
    plain = description.is_file() and read_json(description).get("tokenizer_class") == _PLAIN
    try:
        loaded: Any = (PreTrainedTokenizerFast if plain else AutoTokenizer).from_pretrained(name_or_path)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{name_or_path}: transformers cannot load the tokenizer: {error}") from error
    if not loaded.encode("a", add_special_tokens=False):  # made up where there is none
        raise CheckpointError(
            f"{name_or_path}: has no tokenizer in it; expected tokenizer.json and tokenizer_config.json, "
            "as they stand beside the model that it was made of"
        )
    return loaded


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write a tokenizer so that `load_tokenizer` reads the same one.

    transformers writes one that splits text as its tokenizer.json says under a name for which it then
    goes by the type of the model.
    """
    from transformers import PreTrainedTokenizerFast

    tokenizer.save_pretrained(folder)
    if type(tokenizer) is PreTrainedTokenizerFast:
        file = Path(folder) / _TOKENIZER
        write_whole(file, json.dumps({**read_json(file), "tokenizer_class": _PLAIN}, indent=2).encode())


def check_saved(tokenizer: Any, folder: Path) -> None:
    """Refuse a folder whose tokenizer, read again, splits text otherwise: nothing could go on from it.

    Raises:
        CheckpointError: naming both.
    """
    again = load_tokenizer(str(folder))
    if again(_SAMPLE)["input_ids"] != tokenizer(_SAMPLE)["input_ids"]:
        raise CheckpointError(
            f"{folder}: a tokenizer that was a {type(tokenizer).__name__} is read again as a "
            f"{type(again).__name__}, which splits text otherwise: a run could not go on from it; expected "
            "the model with the tokenizer of its own family"
        )


def read_otherwise(folder: Path) -> str:
    """Return as what class others read a folder's tokenizer, where that splits text otherwise; else "".

    `AutoTokenizer` goes by the type of the model for some, whatever tokenizer_config.json asks for.
    """
    from transformers import AutoTokenizer

    try:
        theirs = AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError) as error:
        return f"nothing ({error})"
    ours = load_tokenizer(str(folder))
    return "" if theirs(_SAMPLE)["input_ids"] == ours(_SAMPLE)["input_ids"] else type(theirs).__name__


def _check_size(codec: ChatCodec, num_tokens: int, vocab_size: int, name: str) -> None:
    """Refuse a tokenizer whose prompts hold tokens that the model lacks.

    A few that no prompt holds may be more than the model's (the placeholder of images in Gemma 3).

    Raises:
        CheckpointError: if there are such tokens.
    """
    if max(codec.encode_prompt((Message("user", _SAMPLE),))) >= vocab_size:
        raise CheckpointError(
            f"{name}: its tokenizer has {num_tokens} tokens, the model {vocab_size}; expected the tokenizer "
            "that the model was trained with"
        )


def dtype_of(dtype: str | torch.dtype | None, device: str) -> torch.dtype:
    """Return the precision that is asked for; by default bfloat16 on an accelerator, float32 on the CPU.

    Raises:
        UsageError: if torch has none of that name.
    """
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype is None:
        return torch.float32 if device == "cpu" else torch.bfloat16
    found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype):
        raise UsageError(f"dtype {dtype!r}: expected one of torch, e.g. float32 or bfloat16")
    return found


def eos_ids(model: Any) -> tuple[int, ...]:
    """Return the tokens that end a message, by the model's generation configuration."""
    ids = model.generation_config.eos_token_id if model.generation_config is not None else None
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)
