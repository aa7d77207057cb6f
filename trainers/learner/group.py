"""What a learner asks of the processes that learn with it: the sum over all of them, and no more.

A loss is weighted over the whole mini-batch, so the sum of what its processes find IS the loss, and the
sum of their gradients its gradient. Each process reads its share of the units (`forward.micro_batches`);
what is summed here are numbers. Alone, a process has all units, and every sum is its own term.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

T = TypeVar("T")
Ints = NDArray[np.int64]
Numbers = TypeVar("Numbers", NDArray[np.float64], NDArray[np.float32])


class Group(Protocol):
    """The processes of a learner, its ranks; each calls the same methods in the same order."""

    rank: int
    """The number of this process, from 0."""
    world: int
    """How many there are."""

    def sum(self, value: Numbers) -> Numbers:
        """Return the sum over the ranks of an array of one shape, on each of them."""
        ...

    def gather(self, value: list[T]) -> list[T]:
        """Return the lists of all ranks end to end, in their order, on each of them."""
        ...

    def whole(self, tensor: Tensor) -> Tensor:
        """Return a tensor of which each rank may hold a part."""
        ...


class Alone:
    """One process, which has it all."""

    rank, world = 0, 1

    def sum(self, value: Numbers) -> Numbers:
        """Return the value."""
        return value

    def gather(self, value: list[T]) -> list[T]:
        """Return the list."""
        return value

    def whole(self, tensor: Tensor) -> Tensor:
        """Return the tensor."""
        return tensor


ALONE: Group = Alone()


def deal(length_S: Sequence[int], units: Sequence[Ints], world: int) -> list[list[Ints]]:
    """Return the units of each rank, so that all have about as many tokens; some may have none.

    The largest goes first, each to the rank that has the fewest tokens, the first of equals.

    Args:
        length_S: tokens of each sequence.
        units: sequences that stay together.
        world: how many ranks.
    """
    if world == 1:
        return [list(units)]
    size = {number: sum(length_S[i] for i in unit) for number, unit in enumerate(units)}
    shares: list[list[int]] = [[] for _ in range(world)]
    tokens = [0] * world
    for number in sorted(size, key=lambda number: size[number], reverse=True):
        least = tokens.index(min(tokens))
        shares[least].append(number)
        tokens[least] += size[number]
    return [[units[number] for number in sorted(share)] for share in shares]
