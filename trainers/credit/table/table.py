"""The turn table: the columns of a batch, one row a turn.

Shapes: _N rows (turns), _M trajectories, _G prompt groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ....errors import TableError
from .checks import check_rows, code_names, count_rows, counting, episode_returns, own_column, validity
from .columns import BoolArray, FloatArray, IntArray, as_floats, combine_runs, factorise, read_only, sums
from .rows import Rows
from .scan import discounted_sum
from .trajectories import columns_of


@dataclass(frozen=True, eq=False)
class TurnTable(Rows):
    """A batch of turns as columns; every array is read-only.

    Rows of one trajectory stand together and in order. `group`, `trajectory`
    are codes by first appearance; `group_names`, `trajectory_names` hold what
    they stood for. `counts` is False on every turn of a trajectory that failed
    for the machine's reasons (end "error" or "deadline"): such turns enter no
    statistic and get advantage exactly 0. Build one with `from_columns` or
    `from_trajectories`.
    """

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
        return cls.from_columns(**columns_of(trajectories, extra), **extra)

    def returns(self, gamma: float) -> FloatArray:
        """Return the discounted return-to-go of each turn [N], in linear time."""
        return discounted_sum(self.reward, self.is_last, gamma)

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


def _first_rows(pair_N: IntArray) -> IntArray:
    """Return the first row of each code; codes are by first appearance."""
    if pair_N.size == 0:
        return pair_N.copy()
    highest_N = np.maximum.accumulate(pair_N)
    return np.flatnonzero(np.append(True, highest_N[1:] > highest_N[:-1]))


def _freeze(table: TurnTable) -> TurnTable:
    for array in (table.group, table.trajectory, table.turn, table.reward, table.episode_return):
        read_only(array)
    for array in (table.valid, table.counts, *table.columns.values()):
        read_only(array)
    if isinstance(table.columns, dict):
        return replace(table, columns=MappingProxyType(table.columns))
    return table
