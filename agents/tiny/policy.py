"""TinyPolicy: a TinyLM that answers many requests at once on one CPU thread."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UsageError
from ..decoding.batching import Batcher
from ..decoding.loop import Job, prepare, run_jobs
from ..decoding.trie import TrieCache
from ..types import FinishReason, Generation, GenerationRequest, Message
from .cache import KeyValueCache
from .checkpoint import check_fit, load_checkpoint
from .model import TinyLM
from .slots import Slot, SlotTable, common_prefix
from .tokenizer import TinyTokenizer

__all__ = ["TinyPolicy", "load_policy"]


class TinyPolicy:
    """Generate with a TinyLM; speaks TokenPolicy.

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
        if num_slots < 1 or max_batch < 1:
            raise UsageError(f"num_slots {num_slots}, max_batch {max_batch}: expected at least 1 each")
        self.version = version
        self.tokenizer = tokenizer
        self._name = name
        self._model = copy.deepcopy(model).eval()
        self._cache = KeyValueCache(self._model, num_slots)
        self._slots = SlotTable(num_slots)
        self._tries = TrieCache(tokenizer.encode, tokenizer.end_id)
        self._lock = threading.Lock()  # held while a batch runs or weights change
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tiny-policy")
        self._generations = Batcher(self._generate, self._executor, min(max_batch, num_slots))
        self._scores = Batcher(self._score, self._executor, max_batch)

    @property
    def name(self) -> str:
        """Return a short name for reports."""
        return self._name

    @property
    def context_tokens(self) -> int:
        """Return the longest conversation, in tokens."""
        return self._model.context_tokens

    @property
    def vocab_size(self) -> int:
        """Return the number of logits."""
        return self._model.vocab_size

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens."""
        return self.tokenizer.encode_prompt(messages)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""
        return self.tokenizer.encode_reply(messages, finish_reason)

    async def generate(self, request: GenerationRequest) -> Generation:
        """Answer one request, in a batch with those that wait beside it.

        Raises:
            UsageError: if the request is wrong.
            PolicyError: if the prompt fills the context, no action is admissible
                under the constraint, or the weights have diverged.
        """
        if (request.prompt_ids is None) == (not request.messages):
            raise UsageError("generation request: expected either messages or prompt_ids")
        ids = self.encode_prompt(request.messages) if request.prompt_ids is None else request.prompt_ids
        trie = self._tries.get(request.admissible or ()) if request.constraint == "admissible" else None
        job = prepare(request, ids, context_tokens=self.context_tokens, vocab_size=self.vocab_size, trie=trie)
        return await self._generations.submit(job)

    async def score(self, prompt_ids: Sequence[int], continuation_ids: Sequence[int]) -> tuple[float, ...]:
        """Return the model's own logprob of each continuation token after a prompt.

        Raises:
            UsageError: if either is empty, or both together exceed the context.
        """
        total = len(prompt_ids) + len(continuation_ids)
        if not prompt_ids or not continuation_ids or total > self.context_tokens:
            raise UsageError(
                f"score: {len(prompt_ids)} prompt and {len(continuation_ids)} continuation tokens; expected "
                f"at least one each and at most {self.context_tokens} together"
            )
        return await self._scores.submit((tuple(prompt_ids), tuple(continuation_ids)))

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

    async def aclose(self) -> None:
        """Stop the worker thread; a batch that runs is finished first."""
        self._executor.shutdown(wait=False)

    def _generate(self, jobs: list[Job]) -> list[Generation]:
        with self._lock:
            slots = self._slots.acquire([job.request.conversation for job in jobs])
            suffixes = [_reuse(slot, job.prompt_ids) for slot, job in zip(slots, jobs, strict=True)]
            engine = _SlotEngine(self._cache, slots)
            done = False
            try:
                generations = run_jobs(
                    engine,
                    jobs,
                    suffixes,
                    codec=self.tokenizer,
                    version=self.version,
                )
                done = True
                return generations
            finally:
                self._slots.release_unowned(slots)
                if not done:
                    # What a failed pass left behind may not be finite, and 0 times NaN is NaN.
                    self._slots.invalidate()
                    self._cache.clear()

    @torch.inference_mode()
    def _score(self, jobs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[tuple[float, ...]]:
        lengths = [len(prompt) + len(continuation) for prompt, continuation in jobs]
        ids = np.zeros((len(jobs), max(lengths)), dtype=np.int64)
        for row, (prompt, continuation) in enumerate(jobs):
            ids[row, : lengths[row]] = prompt + continuation
        with self._lock:
            hidden = self._model.hidden(torch.from_numpy(ids), torch.tensor(lengths))
            scores = []
            for row, (prompt, continuation) in enumerate(jobs):
                logits = self._model.head(hidden[row, len(prompt) - 1 : lengths[row] - 1]).double()
                chosen = torch.tensor(continuation)[:, None]
                scores.append(tuple(logits.log_softmax(dim=-1).gather(1, chosen)[:, 0].tolist()))
        return scores


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
    """Append to the slots of one batch, and keep their record true."""

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
