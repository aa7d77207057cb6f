"""The turn table: the columns of a batch, one row a turn.

Shapes: _N rows (turns), _M trajectories, _G prompt groups.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import TableError
from .checks import (
    ENDS,
    RESERVED,
    check_rows,
    code_names,
    count_rows,
    counting,
    episode_returns,
    own_column,
    validity,
)
from .columns import BoolArray, FloatArray, IntArray, as_floats, combine, combine_runs, factorise, sums
from .scan import discounted_sum

__all__ = ["ENDS", "TurnTable"]


@dataclass(frozen=True, eq=False)
class TurnTable:
    """Hold a batch of turns as columns; every array is read-only.

    Rows of one trajectory stand together and in order. `group`, `trajectory`
    are codes by first appearance; `group_names`, `trajectory_names` hold what
    they stood for. `counts` is False on every turn of a trajectory that failed
    for the machine's reasons (end "error" or "deadline"): such turns enter no
    statistic and get advantage exactly 0. Build one with `from_columns` or
    `from_trajectories`.
    """

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

    @classmethod
    def from_columns(
        cls,
        *,
        group: Sequence[Any],
        trajectory: Sequence[Any],
        reward: Sequence[float],
        state_key: Sequence[str] | None = None,
        valid: Sequence[bool] | None = None,
        next_state_key: Sequence[str] | None = None,
        action: Sequence[str] | None = None,
        episode_return: Sequence[float] | None = None,
        end: Sequence[str] | None = None,
        success: Sequence[bool] | None = None,
        num_tokens: Sequence[int] | None = None,
        agent: Sequence[str] | None = None,
        **extra: Any,
    ) -> TurnTable:
        """Build a table from columns of one length, one value a turn.

        Args:
            group: names of the prompt groups (one task and seed each).
            trajectory: names of the trajectories, unique inside a group; the
                rows of each stand together, in the order of the turns.
            reward: the reward of each turn's reply.
            state_key: the anchor key of the state that the action was taken in.
            valid: whether the action was readable and admissible; by default
                neither `malformed` nor `inadmissible`, where those are given.
            next_state_key: the key of the state that the reply showed.
            action: the action as text.
            episode_return: the return of the whole trajectory on each of its
                turns; by default the undiscounted sum of rewards.
            end: how the trajectory ended, one of ENDS, on each of its turns.
            success: whether the trajectory solved its task.
            num_tokens: the number of sampled tokens of the turn.
            agent: whose turn it was, where several play.
            extra: any further columns that a method reads: `turn` (checked to
                rise by one), `malformed`, `inadmissible`, values of critics,
                reward tiers, ragged per-token arrays.

        Raises:
            TableError: naming trajectory and turn, if lengths differ, rewards
                are not finite, or the rows of a trajectory are apart or out of order.
        """
        num_rows = count_rows(reward)
        given = {
            "state_key": state_key,
            "next_state_key": next_state_key,
            "action": action,
            "end": end,
            "success": success,
            "num_tokens": num_tokens,
            "agent": agent,
            **extra,
        }
        group_N, group_names = code_names("group", group, num_rows)
        code_N, names = code_names("trajectory", trajectory, num_rows)
        pair_N = combine_runs(group_N, code_N)
        first_M = _first_rows(pair_N)
        trajectory_names = [names[code] for code in code_N[first_M].tolist()]
        draft = cls(
            group=group_N,
            trajectory=pair_N,
            turn=np.arange(num_rows) - first_M[pair_N] if num_rows else pair_N.copy(),
            reward=as_floats("reward", reward, num_rows),
            episode_return=np.zeros(num_rows),
            valid=np.ones(num_rows, dtype=np.bool_),
            counts=np.ones(num_rows, dtype=np.bool_),
            columns={
                name: own_column(name, column, num_rows)
                for name, column in given.items()
                if column is not None
            },
            group_names=group_names,
            trajectory_names=trajectory_names,
        )
        check_rows(draft)
        return _freeze(
            replace(
                draft,
                valid=validity(draft, valid),
                counts=counting(draft),
                episode_return=episode_returns(draft, episode_return),
            )
        )

    @classmethod
    def from_trajectories(cls, trajectories: Iterable[Any], **extra: Any) -> TurnTable:
        """Build a table from trajectories (turnwise.agents.types, or anything of that shape).

        Trajectory codes are places in the sequence given, as names; those
        without a turn have no row. Reward tiers become columns of their own
        name, 0 where a turn lacks one; so do the notes of annotators, NaN where
        a turn lacks one. Where a plan-execute agent played, columns switch and
        subgoal tell its plan.

        Args:
            trajectories: the episodes of a batch.
            extra: further columns, one value for every turn in order.

        Raises:
            TableError: as `from_columns`, and if a tier bears the name of a column.
        """
        pairs = [(place, each, turn) for place, each in enumerate(trajectories) for turn in each.turns]
        turns = [turn for _, _, turn in pairs]
        tiers = sorted({tier for turn in turns for tier in turn.rewards})
        columns: dict[str, Any] = {
            "reward": [turn.reward for turn in turns],
            "state_key": [turn.state_key for turn in turns],
            "next_state_key": [turn.next_state_key for turn in turns],
            "action": [turn.action for turn in turns],
            "malformed": [turn.malformed for turn in turns],
            "inadmissible": [turn.inadmissible for turn in turns],
            "agent": [turn.agent for turn in turns],
            "num_tokens": [len(turn.generation.token_ids) for turn in turns],
            "end": [each.end for _, each, _ in pairs],
            "success": [bool(each.success) for _, each, _ in pairs],
        }
        if any(getattr(turn, "switch", None) is not None for turn in turns):
            columns["switch"] = [bool(turn.switch) for turn in turns]
            columns["subgoal"] = [turn.subgoal for turn in turns]
        for tier in tiers:
            if tier in columns or tier in extra or tier in RESERVED:
                raise TableError(f"reward tier {tier!r} bears the name of a column: rename the tier")
            columns[tier] = [turn.rewards.get(tier, 0.0) for turn in turns]
        notes = [getattr(turn, "notes", {}) for turn in turns]
        for name in sorted({name for each in notes for name in each}):
            if name in columns or name in extra or name in RESERVED:
                raise TableError(f"note {name!r} bears the name of a column: let the annotator rename it")
            columns[name] = [each.get(name, math.nan) for each in notes]
        return cls.from_columns(
            group=[each.group for _, each, _ in pairs],
            trajectory=[place for place, _, _ in pairs],
            **columns,
            **extra,
        )

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
            TableError: if it is missing, saying which method needs it.
        """
        if name in self.columns:
            return self.columns[name]
        needed = f"{method} needs column {name!r}" if method else f"there is no column {name!r}"
        raise TableError(
            f"{needed}; this table has: {', '.join(sorted(self.columns)) or 'none beyond the required'}."
            f" Give it to TurnTable.from_columns as {name}=..., one value a turn"
        )

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

    def returns(self, gamma: float) -> FloatArray:
        """Return the discounted return-to-go of each turn [N], in linear time."""
        return discounted_sum(self.reward, self.is_last, gamma)

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

    def with_rewards(self, reward_N: FloatArray, episode_return_N: FloatArray | None = None) -> TurnTable:
        """Return the table with other rewards; episode returns default to their sums.

        Raises:
            TableError: if a reward is not finite.
        """
        self.check_finite("reward", reward_N)
        draft = replace(self, reward=np.array(reward_N, dtype=np.float64))
        return _freeze(replace(draft, episode_return=episode_returns(draft, episode_return_N)))

    def with_columns(self, **columns: Any) -> TurnTable:
        """Return the table with further columns, or others in place of some."""
        new = {name: own_column(name, values, len(self)) for name, values in columns.items()}
        return _freeze(replace(self, columns={**self.columns, **new}, _cache={}))

    def select(self, keep_N: BoolArray) -> TurnTable:
        """Return the table of some whole trajectories.

        Raises:
            TableError: if a trajectory would lose some of its turns only.
        """
        kept_M = sums(keep_N, self.trajectory, self.num_trajectories)
        torn = np.flatnonzero((kept_M > 0) & (kept_M < self.lengths))
        if torn.size:
            raise TableError(
                f"trajectory {self.trajectory_names[torn[0]]!r} would be cut: select whole trajectories"
            )
        group_N, groups = factorise(self.group[keep_N])
        trajectory_N, trajectories = factorise(self.trajectory[keep_N])
        return _freeze(
            TurnTable(
                group=group_N,
                trajectory=trajectory_N,
                turn=self.turn[keep_N],
                reward=self.reward[keep_N],
                episode_return=self.episode_return[keep_N],
                valid=self.valid[keep_N],
                counts=self.counts[keep_N],
                columns={name: column[keep_N] for name, column in self.columns.items()},
                group_names=[self.group_names[code] for code in groups],
                trajectory_names=[self.trajectory_names[code] for code in trajectories],
                _cache={key: codes[keep_N] for key, codes in self._cache.items() if key.startswith("codes ")},
            )
        )

    def _cached(self, key: str, compute: Any) -> Any:
        if key not in self._cache:
            self._cache[key] = _read_only(compute())
        return self._cache[key]


def _first_rows(pair_N: IntArray) -> IntArray:
    """Return the first row of each code; codes are by first appearance."""
    if pair_N.size == 0:
        return pair_N.copy()
    highest_N = np.maximum.accumulate(pair_N)
    return np.flatnonzero(np.append(True, highest_N[1:] > highest_N[:-1]))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


def _freeze(table: TurnTable) -> TurnTable:
    for array in (table.group, table.trajectory, table.turn, table.reward, table.episode_return):
        _read_only(array)
    for array in (table.valid, table.counts, *table.columns.values()):
        _read_only(array)
    if isinstance(table.columns, dict):
        return replace(table, columns=MappingProxyType(table.columns))
    return table
