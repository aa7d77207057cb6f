"""Longest common subsequences of one text with many, by bit-parallel arithmetic on long integers."""

from __future__ import annotations

import numpy as np

from ..table.columns import IntArray

_BITS_PER_TEXT = 4_000
"""Bits of the joint integer that cost as much as treating one text by itself."""


class Subsequences:
    """Texts, and the length of the longest common subsequence of another with each.

    Hyyro, Bit-parallel LCS-length computation revisited, 2004: one bit for each
    character, all texts side by side in one integer, with a spare bit after
    each that takes the carry.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._joint: dict[str, int] = {}
        self._valid = 0
        self._num_joined = 0
        self._starts: list[int] = [0]

    def add(self, text: str) -> None:
        """Append a text."""
        self._texts.append(text)
        self._starts.append(self._starts[-1] + len(text) + 1)

    def common(self, other: str, chosen: IntArray) -> IntArray:
        """Return the lengths for the chosen texts [len(chosen)]."""
        if chosen.size * _BITS_PER_TEXT < self._starts[-1]:
            lengths = [self._one(other, self._texts[place]) for place in chosen.tolist()]
            return np.array(lengths, dtype=np.int64)
        return self._all(other)[chosen]

    def _all(self, other: str) -> IntArray:
        self._join()
        free = _run(other, self._joint, self._valid)
        taken = self._valid & ~free
        raw = np.frombuffer(taken.to_bytes(self._starts[-1] // 8 + 1, "little"), dtype=np.uint8)
        bits = np.unpackbits(raw, bitorder="little")
        before = np.append(0, np.cumsum(bits, dtype=np.int64))
        lengths: IntArray = np.diff(before[self._starts])
        return lengths

    def _join(self) -> None:
        """Lay the texts that came since the last time beside the others."""
        for place in range(self._num_joined, len(self._texts)):
            text, start = self._texts[place], self._starts[place]
            for character, bits in _places(text).items():
                self._joint[character] = self._joint.get(character, 0) | (bits << start)
            self._valid |= ((1 << len(text)) - 1) << start
        self._num_joined = len(self._texts)

    @staticmethod
    def _one(other: str, text: str) -> int:
        valid = (1 << len(text)) - 1
        return (valid & ~_run(other, _places(text), valid)).bit_count()


def _places(text: str) -> dict[str, int]:
    """Return for each character the bits of its places."""
    bits: dict[str, int] = {}
    for place, character in enumerate(text):
        bits[character] = bits.get(character, 0) | (1 << place)
    return bits


def _run(other: str, places: dict[str, int], valid: int) -> int:
    """Return the bits that are still set after all characters: those outside the subsequence."""
    free = valid
    for character in other:
        hit = free & places.get(character, 0)
        if hit:
            free = ((free + hit) | (free - hit)) & valid
    return free
