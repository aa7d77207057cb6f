"""The static key-value cache of TinyLM, and the forward pass that appends to it.

Memory is one array per layer for keys and one for values, [slots, kv heads,
places, head width], allocated once; a conversation owns a slot from turn to
turn. An append takes any number of new tokens per row: what is linear runs on
the tokens packed without padding, only attention pads, and the last layer
continues with the last token of each row alone, the only one whose logits
are wanted.

Shapes: _N packed new tokens, _R rows of attention, _T most new tokens of a row,
_L cached places; inside comments H key heads, G query heads of each, d width.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .model import Layer, TinyLM

# Bounds of one pass: packed tokens, and elements of its attention mask.
_PASS_TOKENS = 4096
_PASS_MASK = 10_000_000
# Rows that are not asked for are computed along with their neighbours, instead
# of gathering the cache of those that are, up to this many new tokens a row.
_RIDE_ALONG_TOKENS = 8
# Matrix libraries sum in another order when there are very few rows. With at
# least this many rows of a matrix, and queries of a key head, a token gets nearly
# the digits alone that it gets inside a long sequence: the learner's ratios start
# from 1 within 5e-6 instead of 2e-5 (a trained model of the default size).
_LEAST_ROWS = 16
_LEAST_QUERIES = 4
# Attention sums over places in blocks of 512 and, inside one, in parts of 192; what is left of a block is one
# part up to 192 places, and two equal ones up to 384. Queries go 32 at a time. With lengths where
# a part never depends on how long the longest row is, full vectors of places, and no fewer queries
# than four in the last of their blocks, a token gets the same digits whether its row was run token by token
# or at once, alone or beside others: a conversation may be rebuilt. (Measured with MKL on AVX2; libraries
# that sum in other parts differ in the last digit of long rows.)
_PLACES, _PART, _BLOCK = 16, 192, 512


@dataclass(frozen=True, slots=True)
class _Attention:
    """Where packed tokens lie in the padded queries, and what they may see."""

    row_N: Tensor
    offset_N: Tensor
    num_rows: int  # R
    width: int  # T
    mask: Tensor  # [R, 1, G*T, L] additive


class KeyValueCache:
    """Keys and values of many conversations, to which tokens are appended.

    Memory is 8 * layers * slots * kv heads * places * head width bytes, but only
    places that were written to are ever resident.

    Args:
        model: gives the sizes; its weights are used at each append.
        num_slots: how many conversations fit.
    """

    def __init__(self, model: TinyLM, num_slots: int) -> None:
        c = model.config
        self.model, self.num_slots = model, num_slots
        self._group = c.num_heads // c.num_kv_heads
        shape = (2, num_slots, c.num_kv_heads, _length(c.max_positions), c.head_size)
        memory = [_sparse_zeros(shape) for _ in range(c.num_layers)]
        self._keys = [layer[0] for layer in memory]
        self._values = [layer[1] for layer in memory]

    @torch.inference_mode()
    def append(self, slots: Sequence[int], starts: Sequence[int], tokens: Sequence[Sequence[int]]) -> Tensor:
        """Run new tokens and return the logits [rows, V] after the last of each row.

        Args:
            slots: the slot of each row, all different.
            starts: how many places of the slot are valid; new tokens go behind them.
            tokens: the new tokens of each row, at least one.
        """
        slot_B, start_B = np.asarray(slots), np.asarray(starts)
        count_B = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
        states = self._keys[0].new_empty(len(tokens), self.model.hidden_size)
        for rows in self._passes(slot_B, start_B + count_B, count_B):
            ids = [token for row in rows.tolist() for token in tokens[row]]
            states[torch.from_numpy(rows)] = self._pass(ids, slot_B[rows], start_B[rows], count_B[rows])
        return self.model.head(states[_repeat_last(len(tokens))])[: len(tokens)]

    def clear(self) -> None:
        """Overwrite everything with zeros, after a pass whose numbers were not finite."""
        for memory in (*self._keys, *self._values):
            memory.zero_()

    def _passes(
        self, slot_B: NDArray[np.int64], end_B: NDArray[np.int64], count_B: NDArray[np.int64]
    ) -> list[NDArray[np.int64]]:
        """Divide rows into passes of bounded size; rows of similar length go together."""
        order = np.argsort(slot_B)
        if count_B.sum() <= _PASS_TOKENS and self._mask_size(order, end_B, count_B) <= _PASS_MASK:
            return [order]
        order = np.lexsort((slot_B, count_B))
        passes, first = [], 0
        for after in range(1, len(order) + 1):
            grown = order[first : after + 1]
            if (
                after == len(order)
                or count_B[grown].sum() > _PASS_TOKENS
                or self._mask_size(grown, end_B, count_B) > _PASS_MASK
            ):
                part = order[first:after]
                passes.append(part[np.argsort(slot_B[part])])
                first = after
        return passes

    def _mask_size(
        self, rows: NDArray[np.int64], end_B: NDArray[np.int64], count_B: NDArray[np.int64]
    ) -> int:
        return int(len(rows) * self._group * count_B[rows].max() * end_B[rows].max())

    def _pass(
        self,
        ids: list[int],
        slot_B: NDArray[np.int64],
        start_B: NDArray[np.int64],
        count_B: NDArray[np.int64],
    ) -> Tensor:
        """Append to rows in ascending order of slots; return their last hidden states [B, D]."""
        model, c = self.model, self.model.config
        width, length = int(count_B.max()), _length(int((start_B + count_B).max()))
        ends_B = np.cumsum(count_B)
        # A repeated token writes the same numbers to the same place again.
        kept_N = _repeat_last(len(ids))
        offset_N = (np.arange(len(ids)) - np.repeat(ends_B - count_B, count_B))[kept_N]
        position_N = np.repeat(start_B, count_B)[kept_N] + offset_N
        cached, row_B, num_rows = self._view(slot_B, width)
        row_N = np.repeat(row_B, count_B)[kept_N]
        whole = self._attention(row_N, offset_N, position_N, num_rows, width, length)
        last_B = (ends_B - 1)[_repeat_last(len(ends_B))]
        final = self._attention(row_N[last_B], np.zeros_like(last_B), position_N[last_B], num_rows, 1, length)
        slots_N, places_N = torch.from_numpy(np.repeat(slot_B, count_B)[kept_N]), torch.from_numpy(position_N)
        cos_N, sin_N = model.cos[places_N], model.sin[places_N]
        x = model.embed(torch.tensor(ids)[kept_N])
        blocks = model.blocks()
        for index, layer in enumerate(blocks):
            q, k, v = layer.project(x, cos_N, sin_N)
            self._keys[index][slots_N, :, places_N] = k
            self._values[index][slots_N, :, places_N] = v
            attention = whole
            if index == len(blocks) - 1:
                x, q, attention = x[last_B], q[last_B], final
            keys = self._keys[index][:, :, :length][cached]
            values = self._values[index][:, :, :length][cached]
            x = self._attend(layer, x, q, keys, values, attention)
        return functional.rms_norm(x, (c.hidden_size,), model.norm, c.rms_norm_eps)[: len(ends_B)]

    def _view(self, slot_B: NDArray[np.int64], width: int) -> tuple[slice | Tensor, NDArray[np.int64], int]:
        """Return how to index the cache, the row of each slot in it, and the number of rows."""
        first, span = int(slot_B[0]), int(slot_B[-1] - slot_B[0] + 1)
        if span == len(slot_B) or (width <= _RIDE_ALONG_TOKENS and span <= 2 * len(slot_B)):
            return slice(first, first + span), slot_B - first, span
        return torch.from_numpy(slot_B), np.arange(len(slot_B)), len(slot_B)

    def _attention(
        self,
        row_N: NDArray[np.int64],
        offset_N: NDArray[np.int64],
        position_N: NDArray[np.int64],
        num_rows: int,
        width: int,
        length: int,
    ) -> _Attention:
        width = _up(width, -(-_LEAST_QUERIES // self._group))
        # Padded queries see place 0: whatever they compute is finite, and thrown away.
        seen_RT = np.zeros((num_rows, width), dtype=np.int64)
        seen_RT[row_N, offset_N] = position_N
        hidden_RTL = torch.arange(length) > torch.from_numpy(seen_RT)[:, :, None]
        mask_RTL = torch.zeros(hidden_RTL.shape).masked_fill_(hidden_RTL, -torch.inf)
        mask = mask_RTL[:, None].expand(-1, self._group, -1, -1).reshape(num_rows, 1, -1, length)
        return _Attention(torch.from_numpy(row_N), torch.from_numpy(offset_N), num_rows, width, mask)

    def _attend(
        self, layer: Layer, x_ND: Tensor, q: Tensor, keys: Tensor, values: Tensor, attention: _Attention
    ) -> Tensor:
        """Return the residual [N, D] after a layer; q is [N, H*G, d], keys [R, H, L, d]."""
        c, a = layer.config, attention
        shape = (a.num_rows, c.num_kv_heads, self._group, a.width, c.head_size)
        grouped = q.reshape(-1, c.num_kv_heads, self._group, c.head_size)
        padded = q.new_zeros(shape)
        padded[a.row_N, :, :, a.offset_N] = grouped
        attended = functional.scaled_dot_product_attention(
            padded.flatten(2, 3), keys, values, attn_mask=a.mask
        ).view(shape)
        return layer.finish(x_ND, attended[a.row_N, :, :, a.offset_N].flatten(1))


def _sparse_zeros(shape: tuple[int, ...]) -> Tensor:
    """Return float32 zeros of which only the pages that are written to ever take memory.

    Huge pages, which numpy asks for, would make nearly all of a cache resident:
    a slot that holds a short conversation shares them with its neighbours.
    """
    memory = mmap.mmap(-1, 4 * math.prod(shape))
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return torch.from_numpy(np.frombuffer(memory, dtype=np.float32).reshape(shape))


def _repeat_last(count: int) -> NDArray[np.int64]:
    """Return 0, 1, ..., count - 1, the last repeated up to the least number of rows."""
    return np.minimum(np.arange(max(count, _LEAST_ROWS)), count - 1)


def _length(longest: int) -> int:
    """Return how many cached places rows attend to, of which the longest has so many."""
    whole, rest = divmod(longest, _BLOCK)
    rest = _up(rest, _PLACES)
    return whole * _BLOCK + (2 * _PART if _PART < rest < 2 * _PART else rest)


def _up(number: int, multiple: int) -> int:
    """Return the least multiple that is not below a number."""
    return -(-number // multiple) * multiple
