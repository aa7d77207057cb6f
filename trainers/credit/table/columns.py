"""Columns of a turn table: checked, copied, coded. Shapes: [N] rows, one a turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import TableError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def factorise(values: Iterable[Hashable]) -> tuple[IntArray, list[Any]]:
    """Code equal values by equal integers, numbered by first appearance.

    Linear in the number of values; strings of any length are hashed once each.

    Returns:
        codes [N], and the distinct values in the order of their codes.

    Raises:
        TypeError: if a value cannot be hashed.
    """
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    codes: defaultdict[Any, int] = defaultdict(count().__next__)
    return np.fromiter(map(codes.__getitem__, listed), dtype=np.int64, count=len(listed)), list(codes)


def combine(first_N: IntArray, second_N: IntArray) -> IntArray:
    """Code equal pairs of codes by equal integers, numbered by first appearance.

    Linear: codes are sorted by their digits, not by comparisons.
    """
    if first_N.size == 0:
        return first_N.copy()
    order = _order(second_N)
    order = order[_order(first_N[order])]
    first, second = first_N[order], second_N[order]
    new = np.append(True, (first[1:] != first[:-1]) | (second[1:] != second[:-1]))
    row_K = order[new]  # the order is stable, so each is the first row of its pair
    rank_K = np.empty(row_K.size, dtype=np.int64)
    rank_K[_order(row_K)] = np.arange(row_K.size)
    code_N = np.empty(first_N.size, dtype=np.int64)
    code_N[order] = rank_K[np.cumsum(new) - 1]
    return code_N


def combine_runs(first_N: IntArray, second_N: IntArray) -> IntArray:
    """Return what `combine` does, faster where equal pairs mostly stand together."""
    if first_N.size == 0:
        return first_N.copy()
    new_N = np.append(True, (first_N[1:] != first_N[:-1]) | (second_N[1:] != second_N[:-1]))
    code_N: IntArray = combine(first_N[new_N], second_N[new_N])[np.cumsum(new_N) - 1]
    return code_N


def _order(code_N: IntArray) -> IntArray:
    """Return the stable order of codes of at least 0, 16 bits at a time (a radix sort)."""
    order = np.argsort((code_N & 0xFFFF).astype(np.uint16), kind="stable")
    rest_N = code_N >> 16
    while rest_N.any():
        order = order[np.argsort((rest_N[order] & 0xFFFF).astype(np.uint16), kind="stable")]
        rest_N = rest_N >> 16
    return order


def sums(values_N: NDArray[Any], code_N: IntArray, num_codes: int) -> FloatArray:
    """Return the sum of the values under each code [num_codes]."""
    totals: FloatArray = np.bincount(code_N, values_N, minlength=num_codes).astype(np.float64, copy=False)
    return totals


def as_floats(name: str, values: Any, num_rows: int) -> FloatArray:
    """Copy a column of numbers.

    Raises:
        TableError: if the length is not num_rows or a value is not a number.
    """
    check_length(name, values, num_rows)
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TableError(f"column {name!r}: expected one number a turn; {error}") from error


def as_bools(name: str, values: Any, num_rows: int) -> BoolArray:
    """Copy a column of truth values; numbers 0 and 1 count as such.

    Raises:
        TableError: if the length is not num_rows or a value is neither true nor false.
    """
    column = as_floats(name, values, num_rows)
    wrong = np.flatnonzero((column != 0.0) & (column != 1.0))
    if wrong.size:
        raise TableError(
            f"column {name!r}, row {wrong[0]}: {values[int(wrong[0])]!r}; expected True or False"
        )
    flags: BoolArray = column != 0.0
    return flags


def as_column(name: str, values: Any, num_rows: int) -> NDArray[Any]:
    """Copy any column; text, ragged and mixed values are kept as objects.

    Raises:
        TableError: if the length is not num_rows.
    """
    check_length(name, values, num_rows)
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return values.copy()
    listed = list(values)
    if set(map(type, listed)) <= {int, float, bool, np.int64, np.float64, np.bool_}:
        return np.array(listed, dtype=None if listed else np.float64)
    return objects([np.array(value) if isinstance(value, list | tuple) else value for value in listed])


def as_keys(name: str, values: Any, num_rows: int) -> NDArray[np.object_]:
    """Copy a column of names or texts, kept as Python objects.

    Raises:
        TableError: if the length is not num_rows.
    """
    check_length(name, values, num_rows)
    return objects(values.tolist() if isinstance(values, np.ndarray) else list(values))


def objects(values: list[Any]) -> NDArray[np.object_]:
    """Return an array that holds the values as they are [N]."""
    column = np.empty(len(values), dtype=object)
    if set(map(type, values)) - {str, int, float, bool, type(None)}:
        for row, value in enumerate(values):
            column[row] = value
    else:
        column[:] = values
    return column


def check_length(name: str, values: Any, num_rows: int) -> None:
    """Refuse a column that is no sequence, or whose length is not num_rows."""
    if not hasattr(values, "__len__") or isinstance(values, str):
        raise TableError(
            f"column {name!r}: {type(values).__name__}; expected a sequence of {num_rows} values"
        )
    if len(values) != num_rows:
        raise TableError(
            f"column {name!r} has {len(values)} values, column 'reward' has {num_rows}: give one value a turn"
        )


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array after forbidding that it is written to."""
    array.setflags(write=False)
    return array
