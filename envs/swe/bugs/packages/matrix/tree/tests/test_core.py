from fractions import Fraction

import pytest
from matrix import Matrix, ShapeError, SingularError

A = Matrix([[1, 2], [3, 4]])
B = Matrix([[0, 1], ["1/2", -1]])


def test_entries():
    assert B[1, 0] == Fraction(1, 2)
    assert A.row(1) == [3, 4]
    assert A.col(-1) == [2, 4]
    assert A.shape == (2, 2)


def test_what_is_not_exact():
    with pytest.raises(TypeError):
        Matrix([[0.5]])
    with pytest.raises(ValueError):
        Matrix([["1/0"]])


def test_rows_of_different_length():
    with pytest.raises(ShapeError):
        Matrix([[1, 2], [3]])


def test_sums_and_multiples():
    assert Matrix([[1, 3], ["7/2", 3]]) == A + B
    assert Matrix.zeros(2, 2) == A - A
    assert 2 * A == A * 2 == Matrix([[2, 4], [6, 8]])
    assert Matrix([["1/2", 1], ["3/2", 2]]) == A / 2


def test_products():
    assert Matrix([[1, -1], [2, -1]]) == A @ B
    assert Matrix([[1, 2, 3]]) @ Matrix.column([1, 1, 1]) == Matrix([[6]])
    with pytest.raises(ShapeError):
        A @ Matrix([[1, 2, 3]])


def test_powers():
    assert Matrix.identity(2) == A**0
    assert A**3 == A @ A @ A
    assert Matrix.identity(2) == A**-1 @ A
    with pytest.raises(SingularError):
        Matrix([[1, 1], [1, 1]]) ** -1


def test_transposed():
    assert Matrix([[1, 4], [2, 5], [3, 6]]) == Matrix([[1, 2, 3], [4, 5, 6]]).T


def test_equal_and_hash():
    assert Matrix([["2/4"]]) == Matrix([["0.5"]])
    assert len({A, Matrix([[1, 2], [3, 4]]), B}) == 2
    assert Matrix([]) != Matrix([], 3)


def test_parts():
    assert A.without(0, 1) == Matrix([[3]])
    assert A.beside(B).shape == (2, 4)
    assert A.above(B).row(2) == [0, 1]
    assert A.replace(0, 0, "1/3") == Matrix([["1/3", 2], [3, 4]])


def test_a_matrix_can_not_be_changed():
    row = A.row(0)
    row[0] = 9
    rows = A.rows()
    rows[1][1] = 9
    assert Matrix([[1, 2], [3, 4]]) == A


def test_repr():
    assert repr(B) == "Matrix([[0, 1], ['1/2', -1]])"
