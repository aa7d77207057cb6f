"""What the package answers to many inputs; no expected value is written here."""

import random
from fractions import Fraction
from operator import add, matmul, sub

from judging import tried
from matrix import (
    Matrix,
    NoSolution,
    ShapeError,
    SingularError,
    adjugate,
    characteristic,
    determinant,
    eigenvalues,
    evaluate,
    inverse,
    is_symmetric,
    null_space,
    parse,
    plu,
    rank,
    rational_roots,
    reduced,
    row_space,
    solutions,
    solve,
    to_decimal,
    trace,
)


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


def case_reduced():
    return [plain(reduced(a)) for a in MATRICES]


def case_ranks():
    return [[rank(a), plain(row_space(a))] for a in MATRICES]


def case_null_spaces():
    return [plain(null_space(a)) for a in MATRICES]


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


def case_parsing():
    texts = [
        "",
        " ",
        ";",
        "1",
        "1 2; 3 4",
        "1,2;3,4",
        "1, 2\n3, 4",
        "1 ,2",
        " 1  2 ;\n; 3 -4/6 ",
        "1 2;",
        "\n1\n\n2\n",
        "1\t2",
        "0.5 1e1 -.25",
        "1 2; 3",
        "1 x",
        "1 2; 3 1/0",
        "1,,2",
        ",1",
        "1,",
        "1 / 2",
        "1/2/3",
        "--1",
        "1;2;3",
        "+1 -1",
        "1 2\r\n3 4",
    ]
    return [got(parse, text) for text in texts]


def case_parsing_names_the_row():
    found = []
    for text in ("1 x", "1 2\n\n3 y; 4 5", "1; 2; 3/0", "1, 2,"):
        try:
            parse(text)
        except ValueError as error:
            found.append([number in str(error) for number in ("row 1", "row 2", "row 3")])
    return found


def case_texts():
    ones = [
        *MATRICES,
        parse("2 1; 1/3 -14"),
        parse("-100 2; 3 4000 ; 1/7 -22/7"),
        parse("1"),
        parse("10 -2 3"),
    ]
    return [[str(a).split("\n"), repr(a)] for a in ones]


def case_repr_and_back():
    return [eval(repr(a), {"Matrix": Matrix}) == a for a in MATRICES]


def case_decimals():
    values = [
        0,
        7,
        -7,
        Fraction(1, 2),
        Fraction(-1, 2),
        Fraction(2, 3),
        Fraction(-2, 3),
        Fraction(1, 8),
        Fraction(-1, 8),
        Fraction(3, 8),
        Fraction(1, 1000),
        Fraction(-1, 1000),
        Fraction(5, 2),
        Fraction(-5, 2),
        Fraction(999, 1000),
        Fraction(1995, 1000),
        12345,
        "1/3",
        "-0.045",
    ]
    found = [[got(to_decimal, value, places) for places in (0, 1, 2, 3, 5)] for value in values]
    return [
        *found,
        got(to_decimal, 1, -1),
        got(to_decimal, 0.5, 1),
        got(to_decimal, Fraction(10**30 + 1, 3), 20),
    ]
