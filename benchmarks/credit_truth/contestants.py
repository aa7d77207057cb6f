"""The estimators as they are measured: their settings, and what they are given beyond the turns.

Critics are ridge regressions of the discounted return-to-go on features of the
state, each fitted on the other tasks of the batch, so that none has seen the
episodes that it judges. One action is one token here. A switch is a turn in which
the stage of the chore (search, treat, deliver, get rid) is another than before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from episodes import Rows
from numpy.typing import NDArray
from reader import ROLES

from turnwise.credit import TurnTable, get

__all__ = ["CONTESTANTS", "LEFT_OUT", "Contestant", "Critics", "advantages_of", "table_of"]

Floats = NDArray[np.float64]
RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """An estimator with its settings, under the name that the tables give it."""

    label: str
    name: str
    params: dict[str, Any] = field(default_factory=dict)
    gamma: float | None = None  # discount of the critic that it is given; None: it needs none
    given: str = ""


_VALUE = "critic"
CONTESTANTS = (
    Contestant("grpo", "grpo"),
    Contestant("dr_grpo", "dr_grpo"),
    Contestant("rloo", "rloo"),
    Contestant("broadcast", "broadcast"),
    Contestant("reinforce_pp", "reinforce_pp", given="one token a turn"),
    Contestant("reinforce_pp_baseline", "reinforce_pp_baseline", given="one token a turn"),
    Contestant("gigpo", "gigpo"),
    Contestant("gigpo (mean)", "gigpo", {"mode": "mean", "statistics": "trajectories"}),
    Contestant("hgpo", "hgpo"),
    Contestant("salt", "salt"),
    Contestant("graphgpo", "graphgpo"),
    Contestant("g2po", "g2po"),
    Contestant("graft", "graft"),
    Contestant("mars", "mars", given="a single player"),
    Contestant("turn_ppo", "turn_ppo", gamma=0.99, given=_VALUE),
    Contestant("archer", "archer", gamma=0.9, given="two critics of states and of actions"),
    Contestant("poad", "poad", gamma=0.99, given=f"{_VALUE}; one token a turn: GAE over turns"),
    Contestant("td0", "td0", gamma=0.99, given=f"{_VALUE}; one token a turn: one-step TD"),
    Contestant("bilevel_gae", "bilevel_gae", gamma=0.95, given=f"{_VALUE}; one token a turn"),
    Contestant("hae", "hae", gamma=0.95, given=f"{_VALUE} for all heads; stages as subgoals"),
)
LEFT_OUT = {
    "igpo": "it needs the probability of a gold answer, and a chore has no answer",
    "oreo": "its signal is what is missing from a soft Bellman equation, against a reference",
    "alol": "it says which episodes are learned, in comparison with a reference",
    "cloning": "it compares nothing",
}


class Critics:
    """A prediction of returns-to-go on each task, from the episodes of the other tasks.

    Args:
        rows: the batch that critics learn from.
        num_tasks: how many tasks it has.
    """

    def __init__(self, rows: Rows, num_tasks: int) -> None:
        self._rows, self._num_tasks = rows, num_tasks

    def values(self, rows: Rows, gamma: float, part: int | None = None, actions: bool = False) -> Floats:
        """Return the predicted return-to-go of each turn's state, or of its action in it [N].

        Args:
            rows: the turns to judge.
            gamma: discount of the returns that are learned.
            part: learn from tasks with even (0) or odd (1) numbers alone; None: from all.
            actions: judge the action too, by its role.
        """
        learned, judged = _inputs(self._rows, actions), _inputs(rows, actions)
        target_N = table_of(self._rows).returns(gamma)
        chosen_N = np.full(len(target_N), True) if part is None else self._rows.task_N % 2 == part
        value_N = np.zeros(len(judged))
        for task in range(self._num_tasks):
            mine_N = rows.task_N == task
            others_N = chosen_N & (self._rows.task_N != task)
            x, y = learned[others_N], target_N[others_N]
            weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
            value_N[mine_N] = judged[mine_N] @ weights
        return value_N


def _inputs(rows: Rows, actions: bool) -> Floats:
    if not actions:
        return rows.feature_NF
    role_NK = np.eye(len(ROLES))[rows.role_N]
    return np.concatenate([rows.feature_NF, role_NK], axis=1)


def table_of(rows: Rows, **extra: Any) -> TurnTable:
    """Return the turn table of rows."""
    steps = rows.steps
    return TurnTable.from_columns(
        group=rows.group,
        trajectory=rows.trajectory,
        reward=[step.reward for step in steps],
        state_key=[step.state_key for step in steps],
        next_state_key=[step.next_state_key for step in steps],
        action=[step.action for step in steps],
        end=np.where(rows.won_N, "terminated", "horizon").tolist(),
        success=rows.won_N,  # type: ignore[arg-type]
        num_tokens=np.ones(len(steps), dtype=int),  # type: ignore[arg-type]
        agent=["agent"] * len(steps),
        **extra,
    )


def advantages_of(rows: Rows, critics: Critics) -> dict[str, Floats]:
    """Return every contestant's advantages [N]."""
    table = table_of(rows, next_value=np.zeros(len(rows.steps)), switch=_switches(rows))
    found = {}
    for entry in CONTESTANTS:
        given = table if entry.gamma is None else table.with_columns(**_critic_columns(entry, rows, critics))
        found[entry.label] = get(entry.name)(given, **entry.params).advantage
    return found


def _switches(rows: Rows) -> NDArray[np.bool_]:
    changed_N = np.append(True, rows.stage_N[1:] != rows.stage_N[:-1])
    switch_N: NDArray[np.bool_] = changed_N | (rows.turn_N == 0)
    return switch_N


def _critic_columns(each: Contestant, rows: Rows, critics: Critics) -> dict[str, Any]:
    assert each.gamma is not None
    if each.name == "archer":
        return {
            f"{head}{part + 1}": critics.values(rows, each.gamma, part, actions=head == "q")
            for head in "qv"
            for part in (0, 1)
        }
    value_N = critics.values(rows, each.gamma)
    if each.name == "hae":
        return {"v_low": value_N, "v_high": value_N, "v_term": value_N}
    if each.name == "turn_ppo":
        return {"value": value_N}
    return {"token_values": [[value] for value in value_N.tolist()]}
