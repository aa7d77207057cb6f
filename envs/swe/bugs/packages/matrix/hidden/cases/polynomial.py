"""Hidden cases of matrix: polynomial."""

from fractions import Fraction

from cases.shared import SQUARE, got, plain
from matrix import Matrix, characteristic, eigenvalues, evaluate, parse, rational_roots


def case_characteristic():
    found = []
    for a in SQUARE:
        polynomial = characteristic(a)
        found.append([plain(polynomial), plain(evaluate(polynomial, a))])
    return [*found, got(characteristic, parse("1 2"))]


def case_eigenvalues():
    return [got(eigenvalues, a) for a in [*SQUARE, parse("1 2")]]


def case_evaluating():
    polynomials = [[], [5], [0, 1], [1, 2, 3], [0, 0, 0, 1], [Fraction(1, 2), -1, 0, 2]]
    points = [0, 1, -2, Fraction(1, 3), "1/3", 0.5]
    found = [[got(evaluate, polynomial, point) for point in points] for polynomial in polynomials]
    for a in (parse("1 2; 0 -1"), parse("3"), Matrix([]), parse("1 2")):
        found.append([got(evaluate, polynomial, a) for polynomial in polynomials])
    return found


def times(*factors):
    """Return the product of polynomials."""
    result = [Fraction(1)]
    for factor in factors:
        longer = [Fraction(0)] * (len(result) + len(factor) - 1)
        for i, one in enumerate(result):
            for j, two in enumerate(factor):
                longer[i + j] += one * two
        result = longer
    return result


def case_roots():
    polynomials = [
        [-6, 11, -6, 1],
        [1, -4, 4],
        [1, 0, 1],
        [5],
        [0, 1],
        [0, 0, 3],
        [0, 0, -4, 0, 1],
        [-2, 0, 1],
        [Fraction(-1, 4), 0, 1],
        [1, 0, 0, 0],
        [0, 2, 0, 0],
        [],
        [0],
        [0, 0],
        [-36, 0, 49],
        [12, -7, 1],
        [Fraction(1, 6), Fraction(-5, 6), 1],
        times([-1, 1], [-1, 1], [-1, 1]),
        times([1, 2], [1, 2], [-3, 1], [1, 0, 1]),
        times([0, 1], [0, 1], [5, 1], [-5, 1]),
        times([-2, 3], [2, 3], [-9, 1]),
        times([-16, 1], [-25, 1], [4, 9]),
        times([1, 1], [1, 1], [-1, 1], [1, 6]),
        [-7, 1],
        [7, -1],
        [-1, -1, 2],
    ]
    return [got(rational_roots, polynomial) for polynomial in polynomials]
