"""The conversations of a TinyLM: its key-value cache, and who owns which slot of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor

from ..types import common_prefix
from .cache import KeyValueCache
from .model import TinyLM
from .slots import Slot, SlotTable


class SlotConversations:
    """What is cached of a model's conversations, in slots.

    Args:
        model: its weights are used at each pass.
        num_slots: how many conversations fit.
    """

    def __init__(self, model: TinyLM, num_slots: int) -> None:
        self._cache, self._slots = KeyValueCache(model, num_slots), SlotTable(num_slots)

    @contextmanager
    def batch(
        self, names: Sequence[str | None], prompts: Sequence[tuple[int, ...]]
    ) -> Iterator[tuple[_SlotEngine, list[int]]]:
        """Give the engine of a batch, and how many tokens of each prompt are cached."""
        slots = self._slots.acquire(names)
        held = [_shared(slot, prompt) for slot, prompt in zip(slots, prompts, strict=True)]
        done = False
        try:
            yield _SlotEngine(self._cache, slots), held
            done = True
        finally:
            self._slots.release_unowned(slots)
            if not done:
                # What a failed pass left behind may not be finite, and 0 times NaN is NaN.
                self._slots.invalidate()
                self._cache.clear()

    def forget(self, name: str) -> None:
        """Drop a conversation that has ended."""
        self._slots.forget(name)

    def clear(self) -> None:
        """Declare everything cached stale."""
        self._slots.invalidate()


def _shared(slot: Slot, prompt_ids: tuple[int, ...]) -> int:
    """Keep what a slot shares with a prompt, short of its last token; return how many tokens that is."""
    shared = min(common_prefix(slot.ids, list(prompt_ids)), len(prompt_ids) - 1)
    del slot.ids[shared:]
    return shared


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
