"""The cache of a batch: rows of different lengths, each at its own place in a conversation.

Shapes: _B rows, _L cached places of the longest, _T new tokens of the longest,
_H key heads, _d head width.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..types import common_prefix


@dataclass(slots=True)
class KeptRow:
    """What is cached of one conversation: its tokens, and keys and values [H, L, d] of each layer."""

    ids: list[int]
    layers: list[tuple[Tensor, Tensor]]

    @classmethod
    def continued(cls, old: KeptRow | None, prompt_ids: Sequence[int]) -> KeptRow:
        """Return the part of a cache that a prompt continues; at least one token stays to be run."""
        if old is None:
            return cls([], [])
        shared = min(common_prefix(old.ids, list(prompt_ids)), len(prompt_ids) - 1)
        return cls(old.ids[:shared], [(key[:, :shared], value[:, :shared]) for key, value in old.layers])


@dataclass(slots=True)
class CacheUse:
    """What a cache of conversations did."""

    prompt_tokens: int = 0
    run_tokens: int = 0  # of them those that were not cached
    held_tokens: int = 0  # at most
    dropped: int = 0  # conversations that had no room

    def figures(self) -> dict[str, float]:
        """Return it for the log of a run."""
        return {f"cache/{field.name}": float(getattr(self, field.name)) for field in fields(self)}


class Rows:
    """Rows of different lengths in one cache, to append to, with holes that the mask hides.

    What a row has cached stands at its start, then come holes up to the longest
    row; new tokens are padded on the left, so that each row's last one is last.

    Args:
        model: of the transformers library.
        kept: what is cached of each row; grows as rows leave.
        named: the rows that go on later; what the others have cached is not copied out.
    """

    def __init__(self, model: Any, kept: Sequence[KeptRow], named: Collection[int]) -> None:
        self._model, self._caches, self._named = model, kept, frozenset(named)
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

    @property
    def num_bytes(self) -> int:
        """Return how much memory the keys and values of the rows take, with the room behind them."""
        layers = () if self._cache is None else self._cache.layers
        return sum(each.untyped_storage().nbytes() for layer in layers for each in (layer.keys, layer.values))

    @property
    def token_bytes(self) -> int:
        """Return how much of it one token of a row is."""
        layers = () if self._cache is None else self._cache.layers
        return sum(each[0, :, 0].nbytes for layer in layers for each in (layer.keys, layer.values))

    def finish(self) -> None:
        """Store what the remaining rows have cached; the rows are done with."""
        self._select([])

    def _begin(self, rows: Sequence[int]) -> None:
        from .growing import growing_cache

        self._members = list(rows)
        self._fresh = {row: [] for row in rows}
        self._cache = growing_cache()
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
            if row not in staying and row in self._named:
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
