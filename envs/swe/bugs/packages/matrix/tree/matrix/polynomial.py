"""Polynomials with rational coefficients, as lists from the constant on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

from .core import Matrix, exact
from .square import size_of, trace


def characteristic(matrix: Matrix) -> list[Fraction]:
    """Return the coefficients of det(x - matrix), by the method of Faddeev and LeVerrier."""
    size = size_of(matrix)
    coefficients = [Fraction(1)]
    power = Matrix.identity(size)
    for k in range(1, size + 1):
        product = matrix @ power
        coefficients.append(-trace(product) / k)
        power = product + Matrix.identity(size) * coefficients[-1]
    return coefficients[::-1]


def evaluate(polynomial: Sequence[Fraction | int], x: Fraction | int | Matrix) -> Fraction | Matrix:
    """Return the value of a polynomial at a number or at a square matrix; 0 if it has no coefficients."""
    if isinstance(x, Matrix):
        size = size_of(x)
        result = Matrix.zeros(size, size)
        for coefficient in reversed(polynomial):
            result = result @ x + Matrix.identity(size) * coefficient
        return result
    value = Fraction(0)
    for coefficient in reversed(polynomial):
        value = value * exact(x) + coefficient
    return value


def rational_roots(polynomial: Sequence[Fraction | int]) -> list[tuple[Fraction, int]]:
    """Return (root, multiplicity) of all rational roots, sorted.

    Raises:
        ValueError: for the polynomial that is zero everywhere.
    """
    rest = [Fraction(value) for value in polynomial]
    while rest and rest[-1] == 0:
        rest.pop()
    if not rest:
        raise ValueError("every number is a root of zero")
    found = []
    for root in _candidates(rest):
        count = 0
        while evaluate(rest, root) == 0:
            rest = _divided(rest, root)
            count += 1
        if count:
            found.append((root, count))
    return sorted(found)


def eigenvalues(matrix: Matrix) -> list[tuple[Fraction, int]]:
    """Return the rational eigenvalues with their multiplicity, sorted; none for a matrix without rows."""
    return rational_roots(characteristic(matrix))


def _divided(polynomial: list[Fraction], root: Fraction) -> list[Fraction]:
    """Return the polynomial divided by (x - root), which leaves nothing over."""
    quotient = [polynomial[-1]]
    for coefficient in polynomial[-2:0:-1]:
        quotient.append(coefficient + root * quotient[-1])
    return quotient[::-1]


def _candidates(polynomial: list[Fraction]) -> Iterator[Fraction]:
    """Yield every rational number that can be a root: 0, then quotients of divisors of both ends."""
    yield Fraction(0)
    scale = math.lcm(*(value.denominator for value in polynomial))
    whole = [int(value * scale) for value in polynomial]
    lowest = next(value for value in whole if value)
    for above in _divisors(lowest):
        for below in _divisors(whole[-1]):
            yield Fraction(above, below)
            yield Fraction(-above, below)


def _divisors(number: int) -> list[int]:
    """Return the positive divisors of a number that is not 0."""
    small = [one for one in range(1, math.isqrt(abs(number)) + 1) if number % one == 0]
    return small + [abs(number) // one for one in reversed(small) if one * one != abs(number)]
