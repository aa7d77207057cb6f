"""Square matrices: determinant, inverse, decompositions."""

from __future__ import annotations

from fractions import Fraction

from .core import Matrix
from .elimination import reduced
from .errors import ShapeError, SingularError


def size_of(matrix: Matrix) -> int:
    """Return the size of a square matrix.

    Raises:
        ShapeError: if it is not square.
    """
    if matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(f"{matrix.shape} is not square")
    return matrix.shape[0]


def trace(matrix: Matrix) -> Fraction:
    """Return the sum of the diagonal."""
    return sum((matrix[i, i] for i in range(size_of(matrix))), Fraction(0))


def is_symmetric(matrix: Matrix) -> bool:
    """Return whether a matrix equals its transposed."""
    return matrix == matrix.T


def plu(matrix: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Return (p, l, u), p @ matrix == l @ u: a permutation, a lower with 1 on the diagonal, an upper."""
    size = size_of(matrix)
    upper, order = matrix.rows(), list(range(size))
    lower = [[Fraction(0)] * size for _ in range(size)]
    for k in range(size):
        found = next((i for i in range(k, size) if upper[i][k]), k)
        for rows in (upper, order, lower):
            rows[k], rows[found] = rows[found], rows[k]
        lower[k][k] = Fraction(1)
        for i in range(k + 1, size):
            if upper[i][k]:
                factor = upper[i][k] / upper[k][k]
                lower[i][k] = factor
                upper[i] = [value - factor * above for value, above in zip(upper[i], upper[k])]
    places = [[int(j == order[i]) for j in range(size)] for i in range(size)]
    return Matrix(places, size), Matrix(lower, size), Matrix(upper, size)


def determinant(matrix: Matrix) -> Fraction:
    """Return the determinant; 1 for a matrix without rows."""
    places, _, upper = plu(matrix)
    result = Fraction(sign([row.index(1) for row in places.rows()]))
    for i in range(matrix.shape[0]):
        result *= upper[i, i]
    return result


def sign(order: list[int]) -> int:
    """Return 1 for an even permutation, -1 for an odd one."""
    seen: set[int] = set()
    result = 1
    for start in range(len(order)):
        place = start
        while place not in seen:
            seen.add(place)
            place = order[place]
            if place != start:
                result = -result
    return result


def inverse(matrix: Matrix) -> Matrix:
    """Return the inverse.

    Raises:
        ShapeError: if the matrix is not square.
        SingularError: if there is not one.
    """
    size = size_of(matrix)
    form, pivots = reduced(matrix.beside(Matrix.identity(size)))
    if pivots != list(range(size)):
        raise SingularError("the matrix has no inverse")
    return Matrix([form.row(i)[size:] for i in range(size)], size)


def adjugate(matrix: Matrix) -> Matrix:
    """Return the transposed matrix of cofactors: matrix @ adjugate == determinant * identity."""
    size = size_of(matrix)
    return Matrix(
        [[(-1) ** (i + j) * determinant(matrix.without(j, i)) for j in range(size)] for i in range(size)],
        size,
    )
