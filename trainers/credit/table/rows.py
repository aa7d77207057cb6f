"""The rows of a turn table: what stands in its columns, and what follows from them.

Shapes: _N rows (turns), _M trajectories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import ColumnMissing, TableError
from .columns import BoolArray, FloatArray, IntArray, as_floats, combine, factorise, read_only

SUCCESS_IS_TOLD = "success_is_told"


@dataclass(frozen=True, eq=False)
class Rows:
    """A batch of turns as columns; see TurnTable, which is built and changed by its own methods."""

    group: IntArray  # [N]
    trajectory: IntArray  # [N]
    turn: IntArray  # [N] position in the trajectory, from 0
    reward: FloatArray  # [N]
    episode_return: FloatArray  # [N] the same on all turns of a trajectory
    valid: BoolArray  # [N] neither malformed nor inadmissible
    counts: BoolArray  # [N]
    columns: Mapping[str, NDArray[Any]]  # [N] each: state_key, action, ... as given
    group_names: Sequence[Any]
    trajectory_names: Sequence[Any]
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return self.reward.size

    @property
    def num_groups(self) -> int:
        """Return the number of prompt groups."""
        return len(self.group_names)

    @property
    def num_trajectories(self) -> int:
        """Return the number of trajectories that have a turn."""
        return len(self.trajectory_names)

    @property
    def first_rows(self) -> IntArray:
        """Return the first row of each trajectory."""
        rows_M: IntArray = self._cached("first", lambda: np.flatnonzero(self.turn == 0))
        return rows_M

    @property
    def is_last(self) -> BoolArray:
        """Tell which rows are the last turn of their trajectory."""
        last_N: BoolArray = self._cached("last", lambda: np.append(self.turn[1:] == 0, True)[: len(self)])
        return last_N

    @property
    def lengths(self) -> IntArray:
        """Return the number of turns of each trajectory."""
        return np.bincount(self.trajectory, minlength=self.num_trajectories)

    def column(self, name: str, method: str = "") -> NDArray[Any]:
        """Return a column as given.

        Raises:
            ColumnMissing: if it is not there, saying which method needs it.
        """
        if name in self.columns:
            return self.columns[name]
        needed = f"{method} needs column {name!r}" if method else f"there is no column {name!r}"
        raise ColumnMissing(
            name,
            f"{needed}; this table has: {', '.join(sorted(self.columns)) or 'none beyond the required'}."
            f" Give it to TurnTable.from_columns as {name}=..., one value a turn",
        )

    def solved(self, method: str = "") -> BoolArray:
        """Return which turns belong to a solved trajectory [N].

        That is column success. Columns given without it and without a word of that mean a
        return above 0, as the published code of several methods does; of trajectories it
        is never guessed.

        Raises:
            TableError: if the environment did not say of every trajectory whether it was won.
        """
        if SUCCESS_IS_TOLD in self.columns:
            row = int(np.flatnonzero(~self.columns[SUCCESS_IS_TOLD])[0])
            raise TableError(
                f"{method} needs to know which episodes succeeded, and {self.where(row)} does not say: "
                'let the environment set info["won"] in every reply, let a program post "success" with its '
                "last reward, or choose another method"
            )
        solved_N: BoolArray = self.columns.get("success", self.episode_return > 0)
        return solved_N

    def numbers(self, name: str, method: str = "") -> FloatArray:
        """Return a column as finite float64 [N].

        Raises:
            TableError: if it is missing, or naming the first value that is not finite.
        """
        values_N = as_floats(name, self.column(name, method), len(self))
        self.check_finite(name, values_N)
        return values_N

    def codes(self, name: str, method: str = "") -> IntArray:
        """Return a column as codes of equal values [N]."""
        values = self.column(name, method)
        codes_N: IntArray = self._cached(f"codes {name}", lambda: factorise(values)[0])
        return codes_N

    def anchors(self, method: str = "") -> IntArray:
        """Return codes of equal state keys inside equal prompt groups [N], by first appearance."""
        state_N = self.codes("state_key", method)
        anchor_N: IntArray = self._cached("anchors", lambda: combine(self.group, state_N))
        return anchor_N

    def where(self, row: int) -> str:
        """Name a row for people: its trajectory, turn and place."""
        name = self.trajectory_names[self.trajectory[row]]
        return f"trajectory {name!r}, turn {self.turn[row]} (row {row})"

    def check_finite(self, name: str, values_N: FloatArray) -> None:
        """Raise a TableError that names the first value that is not finite."""
        wrong = np.flatnonzero(~np.isfinite(values_N))
        if wrong.size:
            row = int(wrong[0])
            raise TableError(f"{name} of {self.where(row)} is {values_N[row]}; expected a finite number")

    def _cached(self, key: str, compute: Any) -> Any:
        if key not in self._cache:
            self._cache[key] = read_only(compute())
        return self._cache[key]
