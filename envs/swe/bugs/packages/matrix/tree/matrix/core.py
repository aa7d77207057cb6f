"""The matrix itself: entries, shape, arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Union

from .errors import ShapeError

Number = Union[int, Fraction]
Entry = Union[int, Fraction, str]


def exact(value: Entry) -> Fraction:
    """Return an entry as a fraction.

    Raises:
        TypeError: for floats and whatever else is not exact.
        ValueError: for a text that is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, Fraction, str)):
        raise TypeError(f"{value!r} is not exact; give a whole number, a Fraction or a text")
    try:
        return Fraction(value)
    except ZeroDivisionError:
        raise ValueError(f"{value!r} divides by zero") from None


class Matrix:
    """Rows of fractions; it can not be changed.

    Args:
        rows: equally long.
        columns: their number, needed only if there are no rows.

    Raises:
        ShapeError: if rows differ in length.
    """

    __slots__ = ("_rows", "shape")

    def __init__(self, rows: Iterable[Iterable[Entry]], columns: int | None = None):
        self._rows = tuple(tuple(exact(value) for value in row) for row in rows)
        width = len(self._rows[0]) if self._rows else columns or 0
        if any(len(row) != width for row in self._rows) or columns not in (None, width):
            raise ShapeError(f"rows of {sorted({len(row) for row in self._rows})} entries, expected {width}")
        self.shape = (len(self._rows), width)

    @classmethod
    def identity(cls, size: int) -> Matrix:
        """Return the identity of a size."""
        return cls([[int(i == j) for j in range(size)] for i in range(size)])

    @classmethod
    def zeros(cls, rows: int, columns: int) -> Matrix:
        """Return a matrix of zeros."""
        return cls([[0] * columns for _ in range(rows)], columns)

    @classmethod
    def column(cls, values: Iterable[Entry]) -> Matrix:
        """Return a matrix of one column."""
        return cls([[value] for value in values], 1)

    @property
    def T(self) -> Matrix:
        """The transposed matrix."""
        return Matrix([self.col(j) for j in range(self.shape[1])], self.shape[0])

    def rows(self) -> list[list[Fraction]]:
        """Return the rows as lists of one's own."""
        return [list(row) for row in self._rows]

    def row(self, i: int) -> list[Fraction]:
        """Return a row; negative numbers count from the end."""
        return list(self._rows[i])

    def col(self, j: int) -> list[Fraction]:
        """Return a column; negative numbers count from the end."""
        if not -self.shape[1] <= j < self.shape[1]:
            raise IndexError(f"column {j} of {self.shape[1]}")
        return [row[j] for row in self._rows]

    def __getitem__(self, place: tuple[int, int]) -> Fraction:
        """Return one entry."""
        i, j = place
        return self._rows[i][j]

    def replace(self, i: int, j: int, value: Entry) -> Matrix:
        """Return a matrix that differs in one entry."""
        rows = self.rows()
        rows[i][j] = exact(value)
        return Matrix(rows)

    def without(self, i: int, j: int) -> Matrix:
        """Return a matrix without a row and a column; negative numbers count from the end."""
        height, width = self.shape
        if not (-height <= i < height and -width <= j < width):
            raise IndexError(f"place {(i, j)} of {self.shape}")
        rows = self.rows()
        del rows[i]
        for row in rows:
            del row[j]
        return Matrix(rows, width - 1)

    def beside(self, other: Matrix) -> Matrix:
        """Return this matrix with another to its right."""
        if self.shape[0] != other.shape[0]:
            raise ShapeError(f"{self.shape} beside {other.shape}")
        rows = [left + right for left, right in zip(self.rows(), other.rows())]
        return Matrix(rows, self.shape[1] + other.shape[1])

    def above(self, other: Matrix) -> Matrix:
        """Return this matrix with another below it."""
        if self.shape[1] != other.shape[1]:
            raise ShapeError(f"{self.shape} above {other.shape}")
        return Matrix(self.rows() + other.rows(), self.shape[1])

    def __add__(self, other: Matrix) -> Matrix:
        """Return the sum."""
        if not isinstance(other, Matrix):
            return NotImplemented
        if self.shape != other.shape:
            raise ShapeError(f"{self.shape} + {other.shape}")
        rows = [[a + b for a, b in zip(one, two)] for one, two in zip(self._rows, other._rows)]
        return Matrix(rows, self.shape[1])

    def __neg__(self) -> Matrix:
        """Return the matrix with all signs changed."""
        return self * -1

    def __sub__(self, other: Matrix) -> Matrix:
        """Return the difference."""
        if not isinstance(other, Matrix):
            return NotImplemented
        return self + -other

    def __mul__(self, factor: Number) -> Matrix:
        """Return all entries times a number."""
        if not isinstance(factor, (int, Fraction)):
            return NotImplemented
        return Matrix([[value * factor for value in row] for row in self._rows], self.shape[1])

    __rmul__ = __mul__

    def __truediv__(self, divisor: Number) -> Matrix:
        """Return all entries divided by a number."""
        if not isinstance(divisor, (int, Fraction)):
            return NotImplemented
        return self * (1 / Fraction(divisor))

    def __matmul__(self, other: Matrix) -> Matrix:
        """Return the product of two matrices."""
        if not isinstance(other, Matrix):
            return NotImplemented
        if self.shape[1] != other.shape[0]:
            raise ShapeError(f"{self.shape} @ {other.shape}")
        columns = [other.col(j) for j in range(other.shape[1])]
        return Matrix([[dot(row, column) for column in columns] for row in self._rows], other.shape[1])

    def __pow__(self, exponent: int) -> Matrix:
        """Return a whole power, by squaring; a negative one is a power of the inverse."""
        from .square import inverse

        if self.shape[0] != self.shape[1]:
            raise ShapeError(f"{self.shape} ** {exponent}")
        base = inverse(self) if exponent < 0 else self
        result, left = Matrix.identity(self.shape[0]), abs(exponent)
        while left:
            if left % 2:
                result = result @ base
            base = base @ base
            left //= 2
        return result

    def __eq__(self, other: object) -> bool:
        """Return whether shape and entries are equal."""
        if not isinstance(other, Matrix):
            return NotImplemented
        return self.shape == other.shape and self._rows == other._rows

    def __hash__(self) -> int:
        return hash((self.shape, self._rows))

    def __repr__(self) -> str:
        rows = ", ".join("[" + ", ".join(_short(value) for value in row) + "]" for row in self._rows)
        columns = "" if self._rows else f", {self.shape[1]}"
        return f"Matrix([{rows}]{columns})"

    def __str__(self) -> str:
        from .text import aligned

        return aligned(self)


def dot(one: Sequence[Fraction], two: Sequence[Fraction]) -> Fraction:
    """Return the sum of the products."""
    return sum((a * b for a, b in zip(one, two)), Fraction(0))


def _short(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else repr(str(value))
