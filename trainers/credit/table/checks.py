"""What a turn table refuses, and how its columns are coded.

Shapes: _N rows (turns), _M trajectories.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....ends import ENDS, FAULTS
from ....errors import TableError, UnknownName
from .columns import (
    BoolArray,
    FloatArray,
    IntArray,
    as_bools,
    as_column,
    as_floats,
    as_keys,
    check_length,
    factorise,
    sums,
)
from .rows import SUCCESS_IS_TOLD, Rows

RESERVED = ("group", "trajectory", "episode_return", "valid", "counts", "turn")
_KEYS = ("state_key", "next_state_key", "action", "agent")
_FLAGS = ("success", SUCCESS_IS_TOLD, "malformed", "inadmissible")


def count_rows(reward: Any) -> int:
    """Return the number of rows that the column of rewards gives."""
    if not hasattr(reward, "__len__") or isinstance(reward, str):
        raise TableError(f"column 'reward': {type(reward).__name__}; expected a sequence, one number a turn")
    return len(reward)


def code_names(name: str, values: Any, num_rows: int) -> tuple[IntArray, list[Any]]:
    """Return codes [N] and names of a column of names, none of which may be None."""
    check_length(name, values, num_rows)
    try:
        codes, names = factorise(values)
    except TypeError as error:
        raise TableError(f"column {name!r}: {error}; expected text or numbers") from error
    if None in names:
        row = int(np.flatnonzero(codes == names.index(None))[0])
        raise TableError(f"column {name!r}, row {row} is None; expected text or a number")
    return codes, names


def own_column(name: str, values: Any, num_rows: int) -> NDArray[Any]:
    """Return a copy of a column in the type that belongs to its name."""
    if name in _FLAGS:
        return as_bools(name, values, num_rows)
    if name == "num_tokens":
        return _token_counts(as_floats(name, values, num_rows))
    return as_keys(name, values, num_rows) if name in (*_KEYS, "end") else as_column(name, values, num_rows)


def _token_counts(given_N: FloatArray) -> IntArray:
    wrong = np.flatnonzero(~((given_N >= 0) & (given_N == np.floor(given_N))))
    if wrong.size:
        raise TableError(f"num_tokens of row {wrong[0]} is {given_N[wrong[0]]}; expected a count, 0 or more")
    return given_N.astype(np.int64)


def check_rows(table: Rows) -> None:
    """Refuse rows that are apart or out of order, and rewards that are not finite."""
    apart = np.flatnonzero(np.diff(table.trajectory) < 0)
    if apart.size:
        row = int(apart[0]) + 1
        name = table.trajectory_names[table.trajectory[row]]
        raise TableError(
            f"row {row} belongs to trajectory {name!r}, whose turns ended before: the rows of a trajectory"
            " must stand together (trajectory names are unique inside a group)"
        )
    table.check_finite("reward", table.reward)
    if "turn" in table.columns:
        turn_N = as_floats("turn", table.columns["turn"], len(table))
        broken = np.flatnonzero((np.diff(turn_N) != 1) & (table.turn[1:] > 0)) + 1
        if broken.size:
            row = int(broken[0])
            raise TableError(
                f"{table.where(row)} is numbered {turn_N[row]:g} after {turn_N[row - 1]:g}: rows of a"
                " trajectory must be in the order of their turns, none missing and none twice"
            )
    for name in _KEYS:
        if name in table.columns:
            _check_keys(table, name)


def _check_keys(table: Rows, name: str) -> None:
    try:
        codes_N, values = factorise(table.columns[name])
    except TypeError as error:
        raise TableError(f"column {name!r}: {error}; expected text") from error
    if None in values:
        row = int(np.flatnonzero(codes_N == values.index(None))[0])
        raise TableError(f"{name} of {table.where(row)} is None; expected text")
    table._cache[f"codes {name}"] = codes_N


def validity(table: Rows, valid: Any) -> BoolArray:
    """Return which turns had a readable and admissible action [N]."""
    if valid is not None:
        return as_bools("valid", valid, len(table))
    wrong_N = np.zeros(len(table), dtype=np.bool_)
    for name in ("malformed", "inadmissible"):
        if name in table.columns:
            wrong_N = wrong_N | table.columns[name]
    return ~wrong_N


def counting(table: Rows) -> BoolArray:
    """Return which turns belong to a trajectory that did not fail for the machine's reasons [N]."""
    if "end" not in table.columns:
        return np.ones(len(table), dtype=np.bool_)
    codes_N, ends = factorise(table.columns["end"])
    for end in ends:
        if end not in ENDS:
            raise UnknownName("end of a trajectory", str(end), ENDS)
    _check_constant(table, "end", codes_N)
    machine = [code for code, end in enumerate(ends) if end in FAULTS]
    counts: BoolArray = ~np.isin(codes_N, machine)
    return counts


def episode_returns(table: Rows, given: Any) -> FloatArray:
    """Return the return of the whole trajectory on each of its turns [N]: as given, or the sum of rewards."""
    if given is None:
        sums_M = sums(table.reward, table.trajectory, table.num_trajectories)
        returns: FloatArray = sums_M[table.trajectory]
        return returns
    returns_N = as_floats("episode_return", given, len(table))
    table.check_finite("episode_return", returns_N)
    _check_constant(table, "episode_return", returns_N)
    return returns_N


def _check_constant(table: Rows, name: str, values_N: NDArray[Any]) -> None:
    changed = np.flatnonzero((values_N[1:] != values_N[:-1]) & (table.turn[1:] > 0)) + 1
    if changed.size:
        raise TableError(
            f"{name} changes at {table.where(int(changed[0]))}: it belongs to the whole trajectory;"
            " give the same value on each of its turns"
        )
