"""Matrices and numbers as text."""

from __future__ import annotations

import re
from fractions import Fraction

from .core import Matrix, exact


def parse(text: str) -> Matrix:
    """Return the matrix that a text describes: rows by ";" or line breaks, entries by spaces or commas.

    Empty rows are left out. A fraction has no spaces around its "/".

    Raises:
        ValueError: naming the entry that is not a number, with its row.
        ShapeError: if rows differ in length.
    """
    rows = []
    for line in re.split(r"[;\n]", text):
        if not line.strip():
            continue
        rows.append([_entry(entry, len(rows) + 1) for entry in re.split(r"\s*,\s*|\s+", line.strip())])
    return Matrix(rows)


def _entry(text: str, row: int) -> Fraction:
    try:
        return exact(text)
    except ValueError:
        raise ValueError(f"row {row}: {text!r} is not a number") from None


def aligned(matrix: Matrix) -> str:
    """Return the rows of a matrix in brackets, columns aligned to the right; "[ ]" without entries."""
    cells = [[str(value) for value in row] for row in matrix.rows()]
    if 0 in matrix.shape:
        return "[ ]"
    widths = [max(len(row[j]) for row in cells) for j in range(matrix.shape[1])]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in cells]
    return "\n".join(f"[ {line} ]" for line in lines)


def to_decimal(value: Fraction | int, places: int) -> str:
    """Return a number with that many decimal places; halves are rounded away from zero.

    Raises:
        ValueError: if places are negative.
    """
    if places < 0:
        raise ValueError(f"{places} places, expected 0 or more")
    value = exact(value)
    scaled = abs(value) * 10**places
    units = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    sign = "-" if value < 0 and units else ""
    digits = str(units).rjust(places + 1, "0")
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
