"""How many characters a text can match with others at most, told by what they are made of.

Shapes: _K texts, _L characters of all texts end to end, _A columns (characters,
or pairs of neighbours), _C texts that are held.
"""

from __future__ import annotations

import numpy as np

from ..table.columns import IntArray

_CHARACTERS, _PAIRS = 512, 2_048
"""Columns at most; beyond that several share one, which only raises a ceiling."""


class Ceilings:
    """Bounds on the longest common subsequence of a text with each of those held.

    Characters in common, whatever their order, are one bound. The other is of
    pairs of neighbours: M matched characters that fall into b unbroken stretches
    hold M - b pairs that both texts have, and a stretch ends where one of the
    len(a) + len(b) - 2 M others stands, so that
    3 M <= pairs in common + len(a) + len(b) + 1. It tells something above a
    ratio of 2/3 (the q-gram lemma: Ukkonen, Approximate string-matching with
    q-grams and maximal matches, 1992).
    """

    def __init__(self, texts: list[str]) -> None:
        self._length_K = np.array([len(text) for text in texts], dtype=np.int64)
        points = "".join(texts).encode("utf-32-le", "surrogatepass")
        character_L = _numbered(np.frombuffer(points, dtype=np.uint32).astype(np.int64), _CHARACTERS)
        text_L = np.repeat(np.arange(len(texts)), self._length_K)
        beside = text_L[1:] == text_L[:-1]
        pairs = _numbered((character_L[:-1] * _CHARACTERS + character_L[1:])[beside], _PAIRS)
        self._characters = _Bags(character_L, self._length_K)
        self._pairs = _Bags(pairs, np.maximum(self._length_K - 1, 0))
        self._held: list[int] = []

    def hold(self, place: int) -> None:
        """Hold a text, named by its place among those given."""
        self._held.append(place)
        self._characters.hold(place)
        self._pairs.hold(place)

    def by_characters(self, place: int) -> IntArray:
        """Return the first bound of a text with each of those held, in the order of holding [C]."""
        return self._characters.shared(place)

    def by_pairs(self, place: int) -> IntArray:
        """Return the second bound, which takes longer to tell and is mostly the closer one [C]."""
        total_C = self._length_K[self._held] + self._length_K[place]
        bound_C: IntArray = (self._pairs.shared(place) + total_C + 1) // 3
        return bound_C


class _Bags:
    """How often each text has each column, and so how much a text shares with those held."""

    def __init__(self, column_L: IntArray, size_K: IntArray) -> None:
        self._width = int(column_L.max(initial=-1)) + 1
        self._column_K = np.split(column_L, np.cumsum(size_K)[:-1])
        # what two texts share is no more than the size of one, so a sum needs no wider type either
        self._type = np.min_scalar_type(int(size_K.max(initial=0)))
        self._held_AC = np.empty((self._width, size_K.size), dtype=self._type)
        self._num_held = 0

    def hold(self, place: int) -> None:
        self._held_AC[:, self._num_held] = np.bincount(self._column_K[place], minlength=self._width)
        self._num_held += 1

    def shared(self, place: int) -> IntArray:
        count_A = np.bincount(self._column_K[place], minlength=self._width).astype(self._type)
        own = np.flatnonzero(count_A)
        common = np.minimum(self._held_AC[own, : self._num_held], count_A[own, None])
        shared_C: IntArray = common.sum(axis=0, dtype=self._type).astype(np.int64)
        return shared_C


def _numbered(values: IntArray, most: int) -> IntArray:
    """Number the values that occur from 0, and again from 0 after so many."""
    number = np.cumsum(np.bincount(values) > 0) - 1
    numbered: IntArray = number[values] % most
    return numbered
