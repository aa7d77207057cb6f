"""Hidden cases of matrix: equations."""

from cases.shared import MATRICES, got, plain, some
from matrix import Matrix, parse, solutions, solve


def case_equations_with_a_solution():
    found = []
    for seed, a in enumerate(MATRICES):
        x = some(a.shape[1], 1 + seed % 3, seed + 100)
        found.append(plain(solve(a, a @ x)))
    return found


def case_equations():
    found = []
    for a, b in (
        ("1 1; 2 2", "1; 3"),
        ("1 1; 2 2", "1; 2"),
        ("0 0; 0 0", "0; 0"),
        ("0 0; 0 0", "0; 1"),
        ("0 1; 0 2", "1; 2"),
        ("1 2 3; 4 5 6; 7 8 9", "1; 2; 3"),
        ("1 2 3; 4 5 6; 7 8 9", "1; 2; 4"),
        ("2", "1 2 3"),
        ("0", "0 1"),
        ("0", "0 0"),
        ("1 1; 1 2; 1 3", "1; 2; 3"),
        ("1 1; 1 2; 1 3", "1; 2; 4"),
        ("0 0 1; 1 0 0", "5 6; 7 8"),
        ("1 2", "1; 2"),
        ("1 2; 0 1", "1 0; 0 1"),
    ):
        found.append([got(solve, parse(a), parse(b)), got(solutions, parse(a), parse(b))])
    found.append([got(solve, Matrix([], 2), Matrix([], 1)), got(solutions, Matrix([], 2), Matrix([], 1))])
    found.append([got(solve, Matrix([[], []]), parse("0; 0")), got(solve, Matrix([[], []]), parse("0; 1"))])
    found.append([got(solve, parse("1 2; 3 4"), Matrix([[], []])), got(solve, Matrix([]), Matrix([]))])
    return found
