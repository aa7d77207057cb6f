"""Random choices that are the same on every machine and Python.

The standard library promises that `random.Random(int).random()` never changes;
it does not promise so for `choice`, `shuffle` or `randrange`, nor does numpy for
its generators' methods. So every choice here is made from `random()` alone.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A stream of random choices that a text names.

    Args:
        name: the name of the stream; equal names give equal draws.
    """

    __slots__ = ("_random",)

    def __init__(self, name: str) -> None:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
        self._random = random.Random(seed).random

    def below(self, stop: int) -> int:
        """Draw an integer from 0 to stop - 1."""
        return int(self._random() * stop)

    def chance(self, probability: float) -> bool:
        """Draw True with a probability."""
        return self._random() < probability

    def choice(self, items: Sequence[T]) -> T:
        """Draw one of items."""
        return items[int(self._random() * len(items))]

    def weighted(self, items: Sequence[T], weights: Sequence[int]) -> T:
        """Draw one of items with a chance proportional to its integer weight."""
        left = self.below(sum(weights))
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0:
                return item
        raise ValueError("weights must hold a positive one")

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return items in random order (Fisher and Yates)."""
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result
