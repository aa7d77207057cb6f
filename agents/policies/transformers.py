"""TransformersPolicy: any causal language model of the transformers library with a chat template.

Shapes: _B rows, _L cached places of the longest, _T new tokens of the longest,
_H key heads, _d head width.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError, UsageError
from ...files import read_json
from ..decoding.local import LocalPolicy, ScoreJob
from ..decoding.loop import Job, run_jobs
from ..decoding.scoring import score_continuations
from ..decoding.trie import TrieCache
from ..models import TransformersLM
from ..prompts.chat_template import ChatCodec
from ..types import FinishReason, Generation, Message, common_prefix


@dataclass(slots=True)
class _ConversationCache:
    """The cache of one conversation: its tokens, and keys and values [H, L, d] of each layer."""

    ids: list[int]
    layers: list[tuple[Tensor, Tensor]]


class TransformersPolicy(LocalPolicy):
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
        CheckpointError: if the model or its tokenizer cannot be loaded.
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
            model = TransformersLM.load(name_or_path, _dtype(dtype, device)).to(device).eval()
        self.model = model
        tokenizer = load_tokenizer(name_or_path)
        self._chat = ChatCodec(tokenizer, name_or_path, _eos_ids(model.model))
        tries = TrieCache(self._chat.encode_message, self._chat.end_id)
        super().__init__(
            self._chat,
            tries,
            name=name_or_path,
            version=version,
            context_tokens=model.context_tokens,
            vocab_size=model.vocab_size,
            max_batch=max_batch,
        )
        self.opens_thought = self._chat.opens_thought
        self._cache_tokens = cache_tokens
        self._caches: OrderedDict[str, _ConversationCache] = OrderedDict()
        self._forgotten: deque[str] = deque()

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens."""
        return self._chat.encode_prompt(messages)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""
        return self._chat.encode_reply(messages, finish_reason)

    def forget(self, conversation: str) -> None:
        """Drop the cache of a conversation that has ended."""
        self._forgotten.append(conversation)

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
            self._caches.clear()

    def _generate(self, jobs: list[Job]) -> list[Generation]:
        while self._forgotten:
            self._caches.pop(self._forgotten.popleft(), None)
        kept, suffixes, taken = [], [], set()
        for job in jobs:
            name = job.request.conversation
            # A name that occurs twice in one batch keeps its cache for the first.
            old = None if name is None or name in taken else self._caches.pop(name, None)
            taken.add(name)
            kept.append(_continued(old, job.prompt_ids))
            suffixes.append(job.prompt_ids[len(kept[-1].ids) :])
        engine = _BatchEngine(self.model.model, kept)
        generations = run_jobs(engine, jobs, suffixes, codec=self._chat, version=self.version)
        engine.finish()
        for job, state in zip(jobs, kept, strict=True):
            if job.request.conversation is not None and state.layers:
                self._caches[job.request.conversation] = state
        while sum(len(state.ids) for state in self._caches.values()) > self._cache_tokens:
            self._caches.popitem(last=False)
        return generations

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

    description = Path(name_or_path) / "tokenizer_config.json"
    plain = (
        description.is_file() and read_json(description).get("tokenizer_class") == "PreTrainedTokenizerFast"
    )
    try:
        return (PreTrainedTokenizerFast if plain else AutoTokenizer).from_pretrained(name_or_path)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{name_or_path}: transformers cannot load the tokenizer: {error}") from error


def _dtype(dtype: str | torch.dtype | None, device: str) -> torch.dtype:
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype is None:
        return torch.float32 if device == "cpu" else torch.bfloat16
    found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype):
        raise UsageError(f"dtype {dtype!r}: expected one of torch, e.g. float32 or bfloat16")
    return found


def _eos_ids(model: Any) -> tuple[int, ...]:
    ids = model.generation_config.eos_token_id if model.generation_config is not None else None
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)


def _continued(old: _ConversationCache | None, prompt_ids: tuple[int, ...]) -> _ConversationCache:
    """Return the part of a cache that a prompt continues; at least one token stays to be run."""
    if old is None:
        return _ConversationCache([], [])
    shared = min(common_prefix(old.ids, list(prompt_ids)), len(prompt_ids) - 1)
    return _ConversationCache(old.ids[:shared], [(k[:, :shared], v[:, :shared]) for k, v in old.layers])


class _BatchEngine:
    """Rows of different lengths in one cache, to append to, with holes that the mask hides.

    What a row has cached stands at its start, then come holes up to the longest
    row; new tokens are padded on the left, so that each row's last one is last.
    """

    def __init__(self, model: Any, kept: Sequence[_ConversationCache]) -> None:
        self._model, self._caches = model, kept
        self._device = next(model.parameters()).device
        self._members: list[int] = []
        self._cache: Any = None
        self._mask_BL = torch.empty(0)
        self._fresh: dict[int, list[int]] = {}

    @torch.inference_mode()
    def append(self, rows: Sequence[int], tokens: Sequence[Sequence[int]]) -> Tensor:
        """Append tokens to rows and return the logits [rows, V] after the last of each."""
        if self._cache is None:
            self._begin(rows)
        self._select(rows)
        width = max(map(len, tokens))
        ids_BT = torch.tensor([[0] * (width - len(new)) + list(new) for new in tokens], device=self._device)
        count_B = torch.tensor([[len(new)] for new in tokens], device=self._device)
        real_BT = torch.arange(width, device=self._device) >= width - count_B
        past_B = self._mask_BL.sum(dim=1, keepdim=True)
        self._mask_BL = torch.cat((self._mask_BL, real_BT), dim=1)
        output = self._model(
            input_ids=ids_BT,
            attention_mask=self._mask_BL.long(),
            position_ids=(past_B + real_BT.cumsum(dim=1) - 1).clamp(min=0),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = output.past_key_values
        for row, new in zip(rows, tokens, strict=True):
            self._fresh[row].extend(new)
        logits: Tensor = output.logits[:, -1]
        return logits

    def finish(self) -> None:
        """Store what the remaining rows have cached."""
        self._select([])

    def _begin(self, rows: Sequence[int]) -> None:
        from transformers import DynamicCache

        self._members = list(rows)
        self._fresh = {row: [] for row in rows}
        self._cache = DynamicCache()
        lengths = [len(self._caches[row].ids) for row in rows]
        longest = max(lengths)
        places_L = torch.arange(longest, device=self._device)
        self._mask_BL = places_L < torch.tensor(lengths, device=self._device)[:, None]
        if longest == 0:
            return
        example = next(self._caches[row] for row in rows if self._caches[row].ids)
        for layer, (key, _) in enumerate(example.layers):
            shape = (len(rows), key.shape[0], longest, key.shape[2])
            padded = [key.new_zeros(shape), key.new_zeros(shape)]
            for place, row in enumerate(rows):
                if lengths[place]:
                    for target, source in zip(padded, self._caches[row].layers[layer], strict=True):
                        target[place, :, : lengths[place]] = source
            self._cache.update(*padded, layer)

    def _select(self, rows: Sequence[int]) -> None:
        """Go on with some rows; store what the others have cached."""
        if self._cache is None or list(rows) == self._members:
            return
        staying = set(rows)
        for place, row in enumerate(self._members):
            if row not in staying:
                self._store(place, row)
        if rows:
            places = torch.tensor([self._members.index(row) for row in rows], device=self._device)
            self._cache.batch_select_indices(places)
            self._mask_BL = self._mask_BL[places]
        self._members = list(rows)

    def _store(self, place: int, row: int) -> None:
        real = self._mask_BL[place].nonzero()[:, 0]
        kept = self._caches[row]
        kept.ids.extend(self._fresh[row])
        kept.layers[:] = [
            (layer.keys[place][:, real], layer.values[place][:, real]) for layer in self._cache.layers
        ]
