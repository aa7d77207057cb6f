"""Per-token columns: one array a turn, laid end to end.

Shapes: _N rows (turns), _L tokens of all turns in order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....errors import TableError
from .columns import BoolArray, FloatArray, IntArray, sums
from .table import TurnTable


@dataclass(frozen=True, slots=True)
class Tokens:
    """Where each turn's tokens lie when all are laid end to end."""

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
        arrays = self._arrays(table, name, method)
        sizes = np.fromiter(map(len, arrays), dtype=np.int64, count=len(arrays))
        wrong = np.flatnonzero(sizes != self.length_N)
        if wrong.size:
            row = int(wrong[0])
            raise TableError(
                f"{name} of {table.where(row)} has {sizes[row]} numbers for {self.length_N[row]} tokens"
            )
        values_L: FloatArray = np.concatenate([*arrays, np.zeros(0)])
        broken = np.flatnonzero(~np.isfinite(values_L))
        if broken.size:
            row = int(self.row_L[broken[0]])
            raise TableError(
                f"{name} of {table.where(row)} holds {values_L[broken[0]]}; expected finite numbers"
            )
        return values_L

    @staticmethod
    def _arrays(table: TurnTable, name: str, method: str) -> list[FloatArray]:
        arrays = table.column(name, method).tolist()
        for row, values in enumerate(arrays):
            if not isinstance(values, np.ndarray) or values.ndim != 1:
                raise TableError(f"{name} of {table.where(row)} is {values!r}; expected one number a token")
        checked: list[FloatArray] = arrays
        return checked

    def split(self, values_L: FloatArray) -> list[FloatArray]:
        """Return one array a turn."""
        return split(values_L, self.length_N)

    def mean(self, values_L: FloatArray) -> FloatArray:
        """Return the mean over each turn's tokens [N]."""
        return sums(values_L, self.row_L, self.length_N.size) / self.length_N


def split(values_L: FloatArray, length_N: IntArray) -> list[FloatArray]:
    """Return the parts of an array with the lengths given, in order."""
    ends = np.cumsum(length_N).tolist()
    return [values_L[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)] if ends else []
