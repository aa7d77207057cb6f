"""The estimators as they are measured: their settings, and what they are given beyond the turns.

Every registered estimator takes part with its defaults; those with settings of their own are listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from episodes import Rows
from numpy.typing import NDArray
from reader import ROLES

from turnwise.credit import TurnTable, get, names
from turnwise.trainers.reports.truth.critics import Batch, Critics, switches, table_for

__all__ = ["CONTESTANTS", "LEFT_OUT", "Contestant", "advantages_of", "batch_of", "table_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contestant:
    """An estimator with its settings, under the name that the tables give it."""

    label: str
    name: str
    params: dict[str, Any] = field(default_factory=dict)
    gamma: float | None = None  # discount of the critic that it is given, where another than its own
    given: str = ""


LEFT_OUT = {
    "igpo": "it needs the probability of a gold answer, and a chore has no answer",
    "oreo": "its signal is what is missing from a soft Bellman equation, against a reference",
    "alol": "it says which episodes are learned, in comparison with a reference",
    "cloning": "it compares nothing",
    "aspo": "it moves credit by the place of the first tool call, and every turn of a chore is an action",
    "dcpo": "what earlier batches left of a task is the method; on the first it is grpo",
    "single_stream": "it compares with earlier batches, and on the first with one half",
    "risk_po_tracked": "it goes by quantiles of earlier batches; on the first it is risk_po",
}
_GIVEN = {
    "reinforce_pp": "one token a turn",
    "reinforce_pp_baseline": "one token a turn",
    "mars": "a single player",
    "turn_ppo": "critic",
    "archer": "two critics of states and of actions",
    "poad": "critic; one token a turn: GAE over turns",
    "td0": "critic; one token a turn: one-step TD",
    "bilevel_gae": "critic; one token a turn",
    "hae": "critic for all heads; stages as subgoals",
    "vetta": "critic for both heads; one token a turn: GAE over turns",
}
_MORE = (
    Contestant("gigpo (mean)", "gigpo", {"mode": "mean", "statistics": "trajectories"}),
    Contestant("rtmc (keys)", "rtmc", {"states": "key"}),
)
CONTESTANTS = (
    *(
        Contestant(name, name, given=_GIVEN.get(name, ""))
        for name in names()
        if name not in LEFT_OUT and get(name).function.__module__.startswith("turnwise.")
    ),
    *_MORE,
)


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


def batch_of(rows: Rows) -> Batch:
    """Return rows as critics and estimators see them."""
    extra = {"next_value": np.zeros(len(rows.steps)), "switch": switches(rows.stage_N, rows.turn_N)}
    return Batch(table_of(rows, **extra), rows.task_N, rows.feature_NF, rows.role_N, len(ROLES))


def advantages_of(rows: Rows, critics: Critics) -> dict[str, Floats]:
    """Return every contestant's advantages [N]."""
    batch = batch_of(rows)
    found = {}
    for entry in CONTESTANTS:
        method = get(entry.name)
        given = table_for(method, entry.params, batch, critics, entry.gamma)
        found[entry.label] = method(given, **entry.params).advantage
    return found
