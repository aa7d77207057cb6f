"""Per-token columns: one array a turn, laid end to end.

Shapes: _N rows (turns), _L tokens of all turns in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from .columns import BoolArray, FloatArray, IntArray, sums
from .table import TurnTable

__all__ = ["Tokens"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Hold where each turn's tokens lie when all are laid end to end."""

    length_N: IntArray
    row_L: IntArray

    @classmethod
    def of(cls, table: TurnTable, method: str) -> Tokens:
        """Read the numbers of tokens.

        Raises:
            TableError: if num_tokens is missing, or naming a turn without a token.
        """
        length_N: IntArray = table.column("num_tokens", method)
        empty = np.flatnonzero(length_N == 0)
        if empty.size:
            raise TableError(f"{method} works on tokens, but {table.where(int(empty[0]))} has num_tokens 0")
        return cls(length_N, np.repeat(np.arange(len(table)), length_N))

    @property
    def last_L(self) -> BoolArray:  # noqa: N802 - the suffix is the shape
        """Tell which tokens are the last of their turn [L]."""
        last = np.zeros(self.row_L.size, dtype=np.bool_)
        last[np.cumsum(self.length_N) - 1] = True
        return last

    def flat(self, table: TurnTable, name: str, method: str) -> FloatArray:
        """Return a column of per-token arrays laid end to end [L].

        Raises:
            TableError: if it is missing, or naming a turn whose array has another
                length than num_tokens or holds a number that is not finite.
        """
        arrays = [np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in table.column(name, method)]
        sizes = np.array([each.size for each in arrays], dtype=np.int64)
        wrong = np.flatnonzero(sizes != self.length_N)
        if wrong.size:
            row = int(wrong[0])
            raise TableError(
                f"{name} of {table.where(row)} has {sizes[row]} numbers for {self.length_N[row]} tokens"
            )
        values_L = np.concatenate(arrays) if arrays else np.zeros(0)
        broken = np.flatnonzero(~np.isfinite(values_L))
        if broken.size:
            row = int(self.row_L[broken[0]])
            raise TableError(
                f"{name} of {table.where(row)} holds {values_L[broken[0]]}; expected finite numbers"
            )
        return values_L

    def split(self, values_L: NDArray[Any]) -> list[FloatArray]:
        """Return one array a turn."""
        return np.split(values_L, np.cumsum(self.length_N)[:-1]) if self.length_N.size else []

    def mean(self, values_L: FloatArray) -> FloatArray:
        """Return the mean over each turn's tokens [N]."""
        return sums(values_L, self.row_L, self.length_N.size) / self.length_N
