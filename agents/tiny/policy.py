"""TinyPolicy: a TinyLM that answers many requests at once on one CPU thread."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from ...errors import UsageError
from ..decoding.caching import CachingPolicy
from ..decoding.local import ScoreJob
from ..decoding.scoring import score_continuations
from ..types import FinishReason, Message
from .checkpoint import check_fit, load_checkpoint
from .conversations import SlotConversations
from .model import TinyLM
from .tokenizer import TinyTokenizer


class TinyPolicy(CachingPolicy[SlotConversations]):
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
            copy.deepcopy(model).eval(),
            partial(SlotConversations, num_slots=num_slots),
            tokenizer,
            name=name,
            version=version,
            context_tokens=model.context_tokens,
            vocab_size=model.vocab_size,
            max_batch=min(max_batch, num_slots),
        )
        self.tokenizer = tokenizer

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
            self._own.clear()

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
