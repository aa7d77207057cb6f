"""Elimination: the reduced form of a matrix, and what can be read off it."""

from __future__ import annotations

from .core import Matrix


def reduced(matrix: Matrix) -> tuple[Matrix, list[int]]:
    """Return the reduced row echelon form and its pivot columns."""
    rows = matrix.rows()
    height, width = matrix.shape
    pivots: list[int] = []
    for column in range(width):
        top = len(pivots)
        found = next((i for i in range(top, height) if rows[i][column]), None)
        if found is None:
            continue
        rows[top], rows[found] = rows[found], rows[top]
        pivot = rows[top][column]
        rows[top] = [value / pivot for value in rows[top]]
        for i in range(height):
            factor = rows[i][column]
            if i != top and factor:
                rows[i] = [value - factor * above for value, above in zip(rows[i], rows[top])]
        pivots.append(column)
    return Matrix(rows, width), pivots


def rank(matrix: Matrix) -> int:
    """Return the number of independent rows."""
    return len(reduced(matrix)[1])


def row_space(matrix: Matrix) -> Matrix:
    """Return independent rows that span the same space, in reduced form."""
    form, pivots = reduced(matrix)
    return Matrix(form.rows()[: len(pivots)], matrix.shape[1])


def null_space(matrix: Matrix) -> list[Matrix]:
    """Return independent columns that the matrix sends to zero, one for each free column, with 1 there."""
    form, pivots = reduced(matrix)
    width = matrix.shape[1]
    vectors = []
    for free in range(width):
        if free in pivots:
            continue
        values = [0] * width
        values[free] = 1
        for i, pivot in enumerate(pivots):
            values[pivot] = -form[i, free]
        vectors.append(Matrix.column(values))
    return vectors
