"""Systems of linear equations."""

from __future__ import annotations

from .core import Matrix
from .elimination import null_space, reduced
from .errors import NoSolution, ShapeError


def solve(matrix: Matrix, right: Matrix) -> Matrix:
    """Return x with matrix @ x == right; free unknowns are 0. `right` may have several columns.

    Raises:
        ShapeError: if the heights differ.
        NoSolution: if the equations contradict each other.
    """
    if matrix.shape[0] != right.shape[0]:
        raise ShapeError(f"{matrix.shape} and {right.shape} differ in height")
    unknowns = matrix.shape[1]
    form, pivots = reduced(matrix.beside(right))
    if any(pivot >= unknowns for pivot in pivots):
        raise NoSolution("the equations contradict each other")
    values = [[0] * right.shape[1] for _ in range(unknowns)]
    for i, pivot in enumerate(pivots):
        values[pivot] = form.row(i)[unknowns:]
    return Matrix(values, right.shape[1])


def solutions(matrix: Matrix, right: Matrix) -> tuple[Matrix, list[Matrix]]:
    """Return one solution, and the columns that can be added to it in any multiples."""
    return solve(matrix, right), null_space(matrix)
