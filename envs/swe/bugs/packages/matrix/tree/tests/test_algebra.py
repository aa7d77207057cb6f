from fractions import Fraction

import pytest
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


def test_reduced():
    form, pivots = reduced(parse("0 2 4; 1 1 1"))
    assert form == parse("1 0 -1; 0 1 2")
    assert pivots == [0, 1]


def test_rank_and_row_space():
    assert rank(parse("1 2; 2 4; 0 0")) == 1
    assert row_space(parse("2 4; 1 2")) == parse("1 2")


def test_null_space():
    a = parse("1 2 3; 2 4 6")
    vectors = null_space(a)
    assert len(vectors) == 2
    assert all(a @ vector == Matrix.zeros(2, 1) for vector in vectors)


def test_solve():
    a, x = parse("2 1; 1 3"), Matrix.column([3, -1])
    assert solve(a, a @ x) == x


def test_contradiction():
    with pytest.raises(NoSolution):
        solve(parse("1 1; 2 2"), Matrix.column([1, 3]))


def test_many_solutions():
    one, free = solutions(parse("1 1"), Matrix.column([2]))
    assert one == Matrix.column([2, 0])
    assert free == [Matrix.column([-1, 1])]


def test_determinants():
    assert determinant(parse("1 2; 3 4")) == -2
    assert determinant(parse("0 1; 1 0")) == -1
    assert determinant(parse("1 2; 2 4")) == 0
    assert determinant(Matrix([])) == 1
    with pytest.raises(ShapeError):
        determinant(parse("1 2 3; 4 5 6"))


def test_inverse():
    a = parse("2 1; 7 4")
    assert inverse(a) == parse("4 -1; -7 2")
    with pytest.raises(SingularError):
        inverse(parse("1 2; 2 4"))


def test_plu():
    a = parse("0 1 2; 1 1 1; 2 0 5")
    p, lower, upper = plu(a)
    assert p @ a == lower @ upper
    assert lower == parse("1 0 0; 0 1 0; 2 -2 1")


def test_adjugate_trace_symmetric():
    assert adjugate(parse("1 2; 3 4")) == parse("4 -2; -3 1")
    assert trace(parse("1 9; 9 1/2")) == Fraction(3, 2)
    assert is_symmetric(parse("1 9; 9 1/2"))
    assert not is_symmetric(parse("1 9; 8 1/2"))


def test_characteristic():
    a = parse("2 1; 1 2")
    assert characteristic(a) == [3, -4, 1]
    assert evaluate(characteristic(a), a) == Matrix.zeros(2, 2)


def test_evaluate():
    assert evaluate([1, 2, 3], 2) == 17
    assert evaluate([], 5) == 0


def test_rational_roots():
    assert rational_roots([-6, 11, -6, 1]) == [(1, 1), (2, 1), (3, 1)]
    assert rational_roots([1, -4, 4]) == [(Fraction(1, 2), 2)]
    assert rational_roots([1, 0, 1]) == []


def test_eigenvalues():
    assert eigenvalues(parse("2 1; 1 2")) == [(1, 1), (3, 1)]


def test_parse():
    assert parse("1, 2\n3 -1/2") == Matrix([[1, 2], [3, "-1/2"]])
    with pytest.raises(ValueError):
        parse("1 x")


def test_text():
    assert str(parse("2 1; 1/3 -14")) == "[   2    1 ]\n[ 1/3  -14 ]"


def test_decimals():
    assert to_decimal(Fraction(2, 3), 2) == "0.67"
    assert to_decimal(Fraction(-1, 8), 2) == "-0.13"
    assert to_decimal(7, 0) == "7"
