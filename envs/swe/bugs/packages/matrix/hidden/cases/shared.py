"""Hidden cases of matrix: what several files of them use."""

import random
from fractions import Fraction

from judging import tried
from matrix import Matrix, parse


def plain(value):
    """Return a value made of lists and texts."""
    if isinstance(value, Matrix):
        return [list(value.shape), [[str(one) for one in row] for row in value.rows()]]
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def got(function, *args):
    return plain(tried(function, *args))


def some(rows, columns, seed, zeros=0.3):
    """Return a matrix of small fractions."""
    chance = random.Random(seed)

    def entry():
        return 0 if chance.random() < zeros else Fraction(chance.randint(-5, 5), chance.randint(1, 3))

    return Matrix([[entry() for _ in range(columns)] for _ in range(rows)], columns)


SHAPES = [(0, 0), (0, 3), (3, 0), (1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (3, 3), (4, 4), (3, 5)]
MATRICES = [some(*shape, seed) for seed, shape in enumerate(SHAPES * 2)] + [
    parse("0 0; 0 0"),
    parse("1 2; 2 4"),
    parse("0 1; 1 0"),
    parse("0 0 1; 0 2 3; 0 4 6"),
    parse("0 2 0 1; 0 0 0 3; 0 4 0 2"),
    parse("1 2 3; 4 5 6; 7 8 9"),
    parse("1 1 1 1; 2 2 2 2; 0 0 1 1"),
    parse("0; 0; 5"),
]


SQUARE = [
    some(size, size, seed, 0.2 + seed % 3 / 5) for seed, size in enumerate([0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5])
] + [
    parse("0 1; 1 0"),
    parse("0 1 0; 0 0 1; 1 0 0"),
    parse("0 0 1; 0 1 0; 1 0 0"),
    parse("0 1 0 0; 1 0 0 0; 0 0 0 1; 0 0 1 0"),
    parse("0 1 0 0; 0 0 1 0; 0 0 0 1; 1 0 0 0"),
    parse("1 2; 2 4"),
    parse("1 2 3; 2 4 6; 1 0 1"),
    parse("0 0; 0 0"),
    parse("1 1 1; 1 1 2; 3 1 1"),
    parse("0 2 1; 1 1 0; 3 0 1/2"),
    parse("2 0 0; 0 2 0; 0 0 3"),
    parse("2 1 0; 0 2 0; 0 0 -1/2"),
    parse("0 -1; 1 0"),
    parse("5"),
    parse("0"),
    parse("0 0 2; 0 3 0; 0 0 0"),
    parse("1 2 0 1; 2 4 1 0; 3 6 0 2; 1 0 0 0"),
]
