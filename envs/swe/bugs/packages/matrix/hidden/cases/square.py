"""Hidden cases of matrix: square."""

import random

from cases.shared import SQUARE, got, plain
from matrix import Matrix, adjugate, determinant, inverse, is_symmetric, parse, plu, trace


def case_determinants():
    found = [plain(determinant(a)) for a in SQUARE]
    return found + [got(determinant, a) for a in (parse("1 2"), Matrix([], 2), Matrix([[], []]))]


def case_determinants_of_products():
    return [
        determinant(a @ b) == determinant(a) * determinant(b)
        for a in SQUARE
        for b in SQUARE
        if a.shape == b.shape
    ]


def case_permutations():
    chance = random.Random(7)
    found = []
    for size in range(1, 8):
        for _ in range(4):
            order = list(range(size))
            chance.shuffle(order)
            found.append(plain(determinant(Matrix([[int(j == one) for j in range(size)] for one in order]))))
    return found


def case_inverses():
    return [got(inverse, a) for a in [*SQUARE, parse("1 2"), parse("1; 2"), Matrix([], 1)]]


def case_plu():
    found = []
    for a in SQUARE:
        places, lower, upper = plu(a)
        found.append([plain([places, lower, upper]), places @ a == lower @ upper])
    return [*found, got(plu, parse("1 2"))]


def case_adjugates():
    found = [plain(adjugate(a)) for a in SQUARE]
    return [*found, got(adjugate, parse("1 2; 3 4; 5 6"))]


def case_traces_and_symmetry():
    found = [[plain(trace(a)), is_symmetric(a), is_symmetric(a + a.T)] for a in SQUARE]
    return [*found, got(trace, parse("1 2")), is_symmetric(parse("1 2")), is_symmetric(Matrix([], 1))]
