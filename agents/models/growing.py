"""Keys and values with room behind them: a token is written in place, not behind a copy of all before it.

Shapes: _B rows, _H key heads, _L cached places, _T new ones, _d head width.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

_ROOM = 32  # places that are added at a time: what was there is copied once in so many tokens


class GrowingLayer(DynamicLayer):
    """The keys and values of one layer [B, H, L, d], which are views of tensors with room for more places."""

    _whole: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append keys and values [B, H, T, d], and return all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        length = self.get_seq_length()
        longer = length + key_states.shape[-2]
        if self._whole is None or self._whole[0].shape[-2] < longer:
            self._whole = (
                _roomier(self.keys if length else None, key_states, longer),
                _roomier(self.values if length else None, value_states, longer),
            )
        for whole, new in zip(self._whole, (key_states, value_states), strict=True):
            whole[:, :, length:longer] = new
        self.keys, self.values = (whole[:, :, :longer] for whole in self._whole)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some rows alone."""
        super().batch_select_indices(indices)
        self._whole = None


def _roomier(held: Tensor | None, new: Tensor, length: int) -> Tensor:
    """Return a tensor for `length` places and more, which begins with what is held."""
    whole = new.new_empty((*new.shape[:2], length + _ROOM, new.shape[3]))
    if held is not None:
        whole[:, :, : held.shape[-2]] = held
    return whole


def growing_cache() -> Cache:
    """Return an empty cache, whose layers are made when they are first written."""
    return Cache(layer_class_to_replicate=GrowingLayer)
