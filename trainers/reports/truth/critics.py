"""What estimators with critics are given: ridge regressions of the return on features of the state.

Each is fitted on the other tasks of the batch, so that none has seen the episodes that it
judges. One action is one token here. A switch is a turn in which the stage of the chore
(search, treat, deliver, get rid) is another than before.

Shapes: _N turns, _F features of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...credit import TurnTable
from ...credit.base import Estimator
from .measures import Floats, Ints

RIDGE = 1.0


@dataclass(frozen=True, eq=False)
class Batch:
    """Turns, and what a critic may know of each."""

    table: TurnTable
    task_N: Ints
    feature_NF: Floats
    role_N: Ints  # what an action does for the chore
    num_roles: int

    def inputs(self, actions: bool) -> Floats:
        """Return what a critic of states, or of actions in them, goes by."""
        if not actions:
            return self.feature_NF
        return np.concatenate([self.feature_NF, np.eye(self.num_roles)[self.role_N]], axis=1)


class Critics:
    """A prediction of returns-to-go on each task, from the episodes of the other tasks.

    Args:
        learned: the batch that critics learn from.
        num_tasks: how many tasks it has.
    """

    def __init__(self, learned: Batch, num_tasks: int) -> None:
        self._learned, self._num_tasks = learned, num_tasks

    def values(self, judged: Batch, gamma: float, part: int | None = None, actions: bool = False) -> Floats:
        """Return the predicted return-to-go of each turn's state, or of its action in it [N].

        Args:
            judged: the turns to judge.
            gamma: discount of the returns that are learned.
            part: learn from tasks with even (0) or odd (1) numbers alone; None: from all.
            actions: judge the action too, by its role.
        """
        own = self._learned
        x_NF, seen_NF = own.inputs(actions), judged.inputs(actions)
        target_N = own.table.returns(gamma)
        chosen_N = np.full(len(target_N), True) if part is None else own.task_N % 2 == part
        value_N = np.zeros(len(seen_NF))
        for task in range(self._num_tasks):
            mine_N = judged.task_N == task
            others_N = chosen_N & (own.task_N != task)
            x, y = x_NF[others_N], target_N[others_N]
            weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
            value_N[mine_N] = seen_NF[mine_N] @ weights
        return value_N


def table_for(
    method: Estimator, params: Mapping[str, Any], batch: Batch, critics: Critics, gamma: float | None = None
) -> TurnTable:
    """Return the table of a batch with a column for each value head that an estimator declares.

    Args:
        method: the estimator.
        params: its parameters; its discount is that of the returns which its critics predict.
        batch: the turns.
        critics: which judge.
        gamma: another discount for the critics.
    """
    if gamma is None:
        gamma = discount_of(method, params)
    columns: dict[str, NDArray[Any] | list[list[float]]] = {}
    for head in method.heads:
        part = {"1": 0, "2": 1}.get(head.name[-1])  # twins learn from tasks of their own
        value_N = critics.values(batch, gamma, part, actions=head.place == "end")
        columns[head.name] = [[value] for value in value_N.tolist()] if head.place == "tokens" else value_N
    return batch.table.with_columns(**columns)


def switches(stage_N: Ints, turn_N: Ints) -> NDArray[np.bool_]:
    """Tell which turns begin an episode or another stage of the chore [N]."""
    changed_N = np.append(True, stage_N[1:] != stage_N[:-1])[: stage_N.size]
    begins_N: NDArray[np.bool_] = changed_N | (turn_N == 0)
    return begins_N


def discount_of(method: Estimator, params: Mapping[str, Any]) -> float:
    """Return the discount from turn to turn, as an estimator's parameters name it; 1 where none does."""
    own = {**method.defaults, **method.params, **params}
    named = [own[name] for name in ("high_level_gamma", "gamma") if isinstance(own.get(name), int | float)]
    return float(named[0]) if named else 1.0
