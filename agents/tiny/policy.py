"""TinyPolicy: a TinyLM that answers many requests at once on one CPU thread."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ...errors import UsageError
from ..decoding.local import LocalPolicy, ScoreJob
from ..decoding.loop import Job, run_jobs
from ..decoding.scoring import score_continuations
from ..types import FinishReason, Generation, Message, common_prefix
from .cache import KeyValueCache
from .checkpoint import check_fit, load_checkpoint
from .model import TinyLM
from .slots import Slot, SlotTable
from .tokenizer import TinyTokenizer


class TinyPolicy(LocalPolicy):
    """A TinyLM that generates, for many conversations at once.

    Calls of `generate` that wait at the same time form one batch, which runs in
    a worker thread. A generation depends on its prompt, key and weights, and on
    its batch only through rounding: float32 sums of other shapes differ in the
    last digits, so equal batches give equal tokens bit for bit.

    Args:
        model: its weights are copied; `update_weights` brings later ones.
        tokenizer: made for the model.
        version: the version of the weights.
        num_slots: how many conversations keep their cache.
        max_batch: the largest batch, at most num_slots.
        name: for reports.

    Raises:
        UsageError: if the tokenizer is not the model's, or a size is below 1.
    """

    opens_thought = False

    def __init__(
        self,
        model: TinyLM,
        tokenizer: TinyTokenizer,
        *,
        version: int = 0,
        num_slots: int = 128,
        max_batch: int = 128,
        name: str = "tiny",
    ) -> None:
        check_fit(model, tokenizer, "TinyPolicy")
        if num_slots < 1:
            raise UsageError(f"num_slots {num_slots}: expected at least 1")
        super().__init__(
            tokenizer,
            name=name,
            version=version,
            context_tokens=model.context_tokens,
            vocab_size=model.vocab_size,
            max_batch=min(max_batch, num_slots),
        )
        self.tokenizer = tokenizer
        self._model = copy.deepcopy(model).eval()
        self._cache = KeyValueCache(self._model, num_slots)
        self._slots = SlotTable(num_slots)

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens."""
        return self.tokenizer.encode_prompt(messages)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""
        return self.tokenizer.encode_reply(messages, finish_reason)

    def update_weights(self, state_dict: Mapping[str, Tensor], version: int) -> None:
        """Copy newer weights of the same model, between two batches; caches become stale.

        Raises:
            UsageError: if the weights are those of another model.
        """
        with self._lock:
            self._model.copy_weights(state_dict)
            self.version = version
            self._slots.invalidate()

    def forget(self, conversation: str) -> None:
        """Drop the cache of a conversation that has ended."""
        self._slots.forget(conversation)

    def _generate(self, jobs: list[Job]) -> list[Generation]:
        slots = self._slots.acquire([job.request.conversation for job in jobs])
        suffixes = [_reuse(slot, job.prompt_ids) for slot, job in zip(slots, jobs, strict=True)]
        done = False
        try:
            engine = _SlotEngine(self._cache, slots)
            generations = run_jobs(engine, jobs, suffixes, codec=self.tokenizer, version=self.version)
            done = True
            return generations
        finally:
            self._slots.release_unowned(slots)
            if not done:
                # What a failed pass left behind may not be finite, and 0 times NaN is NaN.
                self._slots.invalidate()
                self._cache.clear()

    def _score(self, jobs: list[ScoreJob]) -> list[tuple[float, ...]]:
        return score_continuations(self._model, jobs)


def load_policy(folder: Path | str, **options: Any) -> TinyPolicy:
    """Read a policy from a folder of config.json, model.safetensors and tokenizer.json.

    Args:
        folder: written by `save_checkpoint`.
        options: further arguments of TinyPolicy.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
    """
    model, tokenizer = load_checkpoint(Path(folder))
    return TinyPolicy(model, tokenizer, **options)


def _reuse(slot: Slot, prompt_ids: tuple[int, ...]) -> list[int]:
    """Keep what a slot shares with a prompt; return the rest, at least one token."""
    prompt = list(prompt_ids)
    shared = min(common_prefix(slot.ids, prompt), len(prompt) - 1)
    del slot.ids[shared:]
    return prompt[shared:]


class _SlotEngine:
    """The slots of one batch, to append to; it keeps their record true."""

    def __init__(self, cache: KeyValueCache, slots: Sequence[Slot]) -> None:
        self._cache, self._slots = cache, slots

    def append(self, rows: Sequence[int], tokens: Sequence[Sequence[int]]) -> Tensor:
        """Append tokens to rows and return the logits [rows, V] after the last of each."""
        slots = [self._slots[row] for row in rows]
        logits = self._cache.append(
            [slot.number for slot in slots], [len(slot.ids) for slot in slots], tokens
        )
        for slot, new in zip(slots, tokens, strict=True):
            slot.ids.extend(new)
        return logits
