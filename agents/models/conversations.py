"""The conversations of a model of the transformers library: keys and values, kept from turn to turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .rows import CacheUse, KeptRow, Rows
from .transformers import TransformersLM


class RowConversations:
    """What is cached of a model's conversations, as long as their next prompt continues it.

    Args:
        model: its weights are used at each pass.
        max_tokens: how many tokens are kept between turns; the conversation unused for longest gives way.
    """

    def __init__(self, model: TransformersLM, max_tokens: int) -> None:
        self._model, self._max_tokens = model, max_tokens
        self._caches: OrderedDict[str, KeptRow] = OrderedDict()
        self._use = CacheUse()
        self._forgotten: deque[str] = deque()  # while a batch runs in another thread

    @contextmanager
    def batch(
        self, names: Sequence[str | None], prompts: Sequence[tuple[int, ...]]
    ) -> Iterator[tuple[Rows, list[int]]]:
        """Give the engine of a batch, and how many tokens of each prompt are cached."""
        while self._forgotten:
            self._caches.pop(self._forgotten.popleft(), None)
        kept, taken = [], set[str]()
        for name, prompt in zip(names, prompts, strict=True):
            # A name that occurs twice in one batch keeps its cache for the first.
            old = None if name is None or name in taken else self._caches.pop(name, None)
            taken.add(name or "")
            kept.append(KeptRow.continued(old, prompt))
        held = [len(row.ids) for row in kept]
        rows = Rows(self._model.model, kept, [row for row, name in enumerate(names) if name is not None])
        yield rows, list(held)
        rows.finish()
        for name, row in zip(names, kept, strict=True):
            if name is not None and row.layers:
                self._caches[name] = row
        self._make_room()
        self._use.prompt_tokens += sum(map(len, prompts))
        self._use.run_tokens += sum(map(len, prompts)) - sum(held)

    def forget(self, name: str) -> None:
        """Drop a conversation that has ended."""
        self._forgotten.append(name)

    def clear(self) -> None:
        """Drop all."""
        self._caches.clear()

    def take_use(self) -> CacheUse:
        """Return what the cache did since the last call."""
        used, self._use = self._use, CacheUse()
        return used

    def _make_room(self) -> None:
        held = sum(len(state.ids) for state in self._caches.values())
        while held > self._max_tokens:
            _, state = self._caches.popitem(last=False)
            held -= len(state.ids)
            self._use.dropped += 1
        self._use.held_tokens = max(self._use.held_tokens, held)
