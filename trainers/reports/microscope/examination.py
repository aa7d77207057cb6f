"""Several credit methods on the same stored trajectories: their numbers, and how far they agree.

Shapes: _N rows (turns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....agents.types import Trajectory
from ....errors import TableError, UsageError
from ... import credit as credits
from ...credit import Credit, TurnTable, describe

DEFAULT_METHODS = ("grpo", "gigpo", "hgpo", "salt", "graphgpo", "g2po")
_SHOWN_PARTS = {
    "episode_advantage": "episode",
    "trajectory_advantage": "trajectory",
    "step_advantage": "state",
    "distance": "distance",
    "next_distance": "then",
    "node_value": "value",
    "next_value": "then",
    "edge_advantage": "edge",
    "step_return": "return to go",
    "return_to_go": "return to go",
    "turn_reward": "gain",
    "delta": "delta",
    "outcome": "outcome",
    "action_value": "Q",
    "q": "Q",
    "v": "V",
    "episode_score": "episode's score",
}
_MOST_PARTS = 4
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Examination:
    """What several methods gave to the turns of a batch.

    Attributes:
        trajectories: the batch, those with a turn.
        table: its turns.
        credits: method -> its credit.
        refused: method -> why it could not be applied to these trajectories.
        figures: method -> statistics of the batch, as in the training log.
        agreement: (method, other) -> rank correlation and fraction of equal
            signs, over turns to which both give something.
    """

    trajectories: list[Trajectory]
    table: TurnTable
    credits: dict[str, Credit]
    refused: dict[str, str]
    figures: dict[str, dict[str, float]]
    agreement: dict[tuple[str, str], tuple[float, float]]

    def group_to_show(self) -> str:
        """Return the prompt group whose episodes' returns deviate most, the first of several."""
        return str(self.table.group_names[int(np.argmax(self._spreads()))])

    @property
    def has_signal(self) -> bool:
        """Tell whether the episodes of some group differ in their return."""
        return max(self._spreads()) > 0

    def _spreads(self) -> list[float]:
        """Return the standard deviation of each group's returns; -1 where nothing counts."""
        table = self.table
        first_N = table.counts & (table.turn == 0)
        by_group = [table.episode_return[first_N & (table.group == code)] for code in range(table.num_groups)]
        return [float(returns.std()) if returns.size else -1.0 for returns in by_group]

    def rows_of_group(self, group: str) -> list[tuple[Trajectory, NDArray[np.int64]]]:
        """Return the trajectories of a group with the rows of their turns.

        Raises:
            UsageError: if there is no such group.
        """
        found = [
            (trajectory, np.flatnonzero(self.table.trajectory == code))
            for code, trajectory in enumerate(self.trajectories)
            if trajectory.group == group
        ]
        if not found:
            known = ", ".join(str(name) for name in self.table.group_names[:8])
            raise UsageError(f"there is no group {group!r}; this batch has: {known}")
        return found

    def document(self) -> dict[str, Any]:
        """Return everything as one JSON document."""
        return {
            "methods": sorted(self.credits),
            "refused": self.refused,
            "figures": self.figures,
            "agreement": [
                {"methods": list(pair), "rank_correlation": rank, "same_sign": sign}
                for pair, (rank, sign) in self.agreement.items()
            ],
            "turns": [self._turn(row) for row in range(len(self.table))],
        }

    def _turn(self, row: int) -> dict[str, Any]:
        trajectory = self.trajectories[self.table.trajectory[row]]
        turn = trajectory.turns[self.table.turn[row]]
        return {
            "group": trajectory.group,
            "trajectory": int(self.table.trajectory[row]),
            "turn": turn.index,
            "action": turn.action,
            "reward": turn.reward,
            "valid": turn.valid,
            "counts": bool(self.table.counts[row]),
            "advantage": {name: float(credit.advantage[row]) for name, credit in self.credits.items()},
            "why": {name: why(credit, row) for name, credit in self.credits.items()},
        }


def examine(
    trajectories: Sequence[Trajectory],
    methods: Sequence[str] = DEFAULT_METHODS,
    params: Mapping[str, Mapping[str, Any]] | None = None,
) -> Examination:
    """Assign credit to trajectories under several methods and compare them.

    Args:
        trajectories: a batch.
        methods: names of credit estimators. One that needs a column which the
            trajectories do not have (a critic's values) is set aside with the reason.
        params: parameters by method.

    Raises:
        UnknownName: if a method or a parameter does not exist.
        UsageError: if there is no turn.
    """
    kept = [trajectory for trajectory in trajectories if trajectory.turns]
    if not kept:
        raise UsageError("there is no turn in these trajectories: nothing to assign credit to")
    table = TurnTable.from_trajectories(kept)
    done: dict[str, Credit] = {}
    refused: dict[str, str] = {}
    for name in methods:
        try:
            done[name] = credits.get(name)(table, **(params or {}).get(name, {}))
        except TableError as error:
            refused[name] = str(error)
    return Examination(
        trajectories=kept,
        table=table,
        credits=done,
        refused=refused,
        figures={name: describe(table, credit) for name, credit in done.items()},
        agreement=_agreement({name: credit.advantage[table.counts] for name, credit in done.items()}),
    )


def why(credit: Credit, row: int) -> str:
    """Say in short what a turn's advantage was made of."""
    amounts = [name for name, part in credit.parts.items() if part.dtype.kind == "f"]
    known = [name for name in _SHOWN_PARTS if name in amounts]
    names = [*known, *(name for name in amounts if name not in _SHOWN_PARTS)]
    said = [
        f"{_SHOWN_PARTS.get(name, name.replace('_', ' '))} {credit.parts[name][row]:.3g}"
        for name in names[:_MOST_PARTS]
    ]
    if "step_group" in credit.parts:
        said.append(
            f"state seen {int((credit.parts['step_group'] == credit.parts['step_group'][row]).sum())}x"
        )
    if "edge_size" in credit.parts:
        said.append(f"shared by {int(credit.parts['edge_size'][row])} turns")
    return ", ".join(said)


def _agreement(advantages: Mapping[str, Floats]) -> dict[tuple[str, str], tuple[float, float]]:
    names = list(advantages)
    return {
        (name, other): _compare(advantages[name], advantages[other])
        for place, name in enumerate(names)
        for other in names[place + 1 :]
    }


def _compare(one_N: Floats, other_N: Floats) -> tuple[float, float]:
    """Return rank correlation and fraction of equal signs where both are not 0; 0 if nowhere."""
    both = (one_N != 0) & (other_N != 0)
    if both.sum() < 2:
        return 0.0, 0.0
    same_sign = float((np.sign(one_N[both]) == np.sign(other_N[both])).mean())
    one, other = _ranks(one_N[both]), _ranks(other_N[both])
    spread = float(one.std() * other.std())
    correlation = float(((one - one.mean()) * (other - other.mean())).mean()) / spread if spread > 0 else 0.0
    return correlation, same_sign


def _ranks(values: Floats) -> Floats:
    """Return ranks, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values.round(9), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = ((last - counts + last - 1) / 2.0)[inverse]
    return ranks
