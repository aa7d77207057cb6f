"""Hidden cases of matrix: core."""

from fractions import Fraction
from operator import add, matmul, sub

from cases.shared import MATRICES, SHAPES, got, plain, some
from judging import tried
from matrix import (
    Matrix,
    NoSolution,
    ShapeError,
    SingularError,
    adjugate,
    characteristic,
    determinant,
    evaluate,
    inverse,
    null_space,
    parse,
    plu,
    rational_roots,
    reduced,
    trace,
)


def case_entries():
    values = [
        0,
        -3,
        Fraction(2, 4),
        "1/2",
        "-2/6",
        "0.25",
        " 3 ",
        "1e2",
        "",
        "x",
        "1/0",
        "1 / 2",
        0.5,
        None,
        True,
        [1],
        1j,
        "-0",
    ]
    return [got(lambda value=value: Matrix([[value]])[0, 0]) for value in values]


def case_types_of_entries():
    a = Matrix([[1, "1/2"]])
    return [
        type(a[0, 0]).__name__,
        type((a * 2)[0, 0]).__name__,
        type(a.row(0)[0]).__name__,
        type(determinant(Matrix([]))).__name__,
        type(trace(Matrix([]))).__name__,
        type((Matrix([[], []]) @ Matrix([], 1))[0, 0]).__name__,
        type(evaluate([1], 1)).__name__,
        type(evaluate([], 1)).__name__,
    ]


def case_shapes():
    return [
        got(lambda: Matrix([])),
        got(lambda: Matrix([], 3)),
        got(lambda: Matrix([], 0)),
        got(lambda: Matrix([[], []])),
        got(lambda: Matrix([[], []], 0)),
        got(lambda: Matrix([[], []], 1)),
        got(lambda: Matrix([[1, 2]], 2)),
        got(lambda: Matrix([[1, 2]], 3)),
        got(lambda: Matrix([[1, 2]], 0)),
        got(lambda: Matrix([[1, 2], [3]])),
        got(lambda: Matrix([[1], [3, 4]])),
        got(lambda: Matrix((one, one * 2) for one in range(3))),
        got(lambda: Matrix(["12", "34"])),
        got(lambda: Matrix.identity(0)),
        got(lambda: Matrix.identity(3)),
        got(lambda: Matrix.zeros(2, 3)),
        got(lambda: Matrix.zeros(0, 3)),
        got(lambda: Matrix.zeros(3, 0)),
        got(lambda: Matrix.column([1, "1/2"])),
        got(lambda: Matrix.column([])),
        [plain(one.T) for one in MATRICES],
    ]


def case_errors():
    return [
        issubclass(ShapeError, ValueError),
        issubclass(SingularError, ZeroDivisionError),
        issubclass(NoSolution, ArithmeticError),
    ]


def case_parts():
    found = []
    for a in (parse("1 2 3; 4 5 6"), Matrix([], 2), parse("7")):
        found.append([got(a.row, i) for i in range(-3, 4)])
        found.append([got(a.col, j) for j in range(-4, 5)])
        found.append([got(a.__getitem__, (i, j)) for i in range(-3, 3) for j in range(-4, 4)])
        found.append([got(a.without, i, j) for i in range(-3, 3) for j in range(-4, 4)])
        found.append([got(a.replace, i, j, "1/2") for i, j in ((0, 0), (-1, -1), (1, 2), (2, 0), (0, 3))])
        found.append(got(a.replace, 0, 0, 0.5))
    return found


def case_joining():
    found = []
    for one in MATRICES[:11]:
        for two in MATRICES[:11]:
            found.append([got(one.beside, two), got(one.above, two)])
    return found


def case_sums():
    found = []
    for seed, (rows, columns) in enumerate(SHAPES):
        one, two = some(rows, columns, seed), some(rows, columns, seed + 50)
        found.append(
            plain([one + two, one - two, -one, one * 3, Fraction(-1, 2) * one, one / 3, one / Fraction(2, 3)])
        )
    one = parse("1 2")
    bad = [parse("1 2; 3 4"), parse("1"), Matrix([], 2), 1, "1 2", None]
    found += [[got(add, one, other), got(sub, one, other), got(add, other, one)] for other in bad]
    found += [
        got(lambda: one * 0.5),
        got(lambda: one / 0),
        got(lambda: one / 0.5),
        got(lambda: one * one),
        got(lambda: 2 / one),
    ]
    return found


def case_products():
    found = []
    for seed, (rows, middle, columns) in enumerate(
        [(1, 1, 1), (2, 3, 4), (3, 1, 2), (1, 4, 1), (2, 0, 3), (0, 2, 2), (2, 2, 0), (3, 3, 3)]
    ):
        found.append(plain(some(rows, middle, seed) @ some(middle, columns, seed + 9)))
    one = parse("1 2; 3 4")
    return found + [got(matmul, one, other) for other in (parse("1 2"), parse("1; 2; 3"), 2, None)]


def case_powers():
    found = []
    for a in (
        parse("1 1; 0 1"),
        parse("0 1; 1 1"),
        parse("1/2 1; 0 -2"),
        Matrix([]),
        parse("3"),
        parse("0 1; 0 0"),
        parse("1 1; 1 1"),
    ):
        found.append([got(lambda a=a, n=n: a**n) for n in (0, 1, 2, 3, 4, 5, 7, 10, 13, -1, -2, -3)])
    return [*found, got(lambda: parse("1 2") ** 2), got(lambda: parse("1 2") ** 0)]


def case_equal_and_hash():
    ones = [
        Matrix([]),
        Matrix([], 3),
        Matrix([[], []]),
        parse("1 2"),
        parse("1; 2"),
        parse("2/2 4/2"),
        parse("1 3"),
        Matrix([[1, 2]], 2),
    ]
    found = [[one == two for two in ones] for one in ones]
    found.append(
        [
            hash(parse("1 2")) == hash(parse("2/2 4/2")),
            len(set(ones)),
            parse("1") == 1,
            parse("1") != "1",
            parse("1") in [parse("2"), parse("1")],
        ]
    )
    return found


def case_nothing_changes():
    a = parse("1 2; 3 4")
    before = repr(a)
    a.rows()[0][0] = 9
    a.row(1)[0] = 9
    a.col(1)[0] = 9
    b = parse("0 1; 2 3")
    for function in (reduced, plu, determinant, inverse, characteristic, null_space, adjugate, str):
        function(b)
    a.replace(0, 0, 5)
    a.without(0, 0)
    polynomial = [Fraction(0), Fraction(-2), Fraction(1), Fraction(0)]
    roots = rational_roots(polynomial)
    return [repr(a) == before, repr(b), plain(polynomial), plain(roots), tried(setattr, a, "entries", 1)]
