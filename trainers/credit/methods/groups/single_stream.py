"""Single-stream policy optimization: each episode against what is remembered of its task.

Shapes: _N rows (turns), _M trajectories, _T tasks.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .....errors import TableError, UsageError
from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import average, quiet
from ...table.columns import FloatArray, IntArray, sums
from ...table.table import TurnTable
from ...table.tasks import TaskNumbers, tasks_of

MOST_TASKS = 2**16


@register(
    "single_stream",
    state={"tasks": [], "values": []},
    by_task=True,
    against_last=True,
    source=Source(
        paper="Single-stream Policy Optimization",
        ref="arXiv 2509.13232",
        how="as the authors' trainer computes it, without offline values",
        note="by default success in the place of a reward of 0 or 1; how far the policy moved is measured "
        "before the update that a task is met in, as the paper has it (the authors' code measures after "
        "that update); several episodes of a task in one batch are counted together",
    ),
)
def single_stream(
    table: TurnTable,
    state: dict[str, Any],
    *,
    outcome: Literal["success", "return"] = "success",
    half: float = 0.06,
    least: float = 0.875,
    most: float = 0.96,
    prior: float = 0.5,
    epsilon: float = 1e-8,
) -> tuple[Credit, dict[str, Any]]:
    """Give every turn r - a / (a + b), whitened over the batch; a and b are its task's wins and losses.

    Old outcomes fade by how far the policy has moved since the task was last played:
    rho = clip(2^(-D / half), least, most), then a = rho a + r and b = rho b + 1 - r. D is
    the mean |log-ratio| of the tokens of the task's last episode; 0 for a task that is new.
    No group is needed: rollout.group_size = 1 with train.allow_single = true.

    Args:
        table: the batch. Column drift is D; without it D is 0.
        state: a and b of each task.
        outcome: r: 1 where an episode was won, else 0 ("success"), or its return, from 0 to 1.
        half: the D that halves what is remembered.
        least: of rho.
        most: of rho.
        prior: a and b of a task that is new.
        epsilon: added to the deviation, of the sample over trajectories (ddof 1).

    Returns:
        advantage [N]; parts value [N]; figures value, fading (mean rho), drift and new, the
        share of tasks met for the first time. And the state.

    Raises:
        UsageError: if a number is out of range.
        TableError: if it is not known which episodes succeeded, or a return is not from 0 to 1.
    """
    if not (half > 0 and 0 < least <= most <= 1 and prior > 0):
        raise UsageError(
            f"single_stream: half={half!r}, least={least!r}, most={most!r}, prior={prior!r}; expected half "
            "and prior above 0, and 0 < least <= most <= 1"
        )
    task_M, names = tasks_of(table)
    first_M = table.first_rows
    won_M = _outcomes(table, outcome)[first_M]
    known = TaskNumbers.of(state, 2)
    counts_T2, met_T = known.get(names, (prior, prior))
    value_T = counts_T2[:, 0] / counts_T2.sum(axis=1)
    advantage_M = _whitened(won_M - value_T[task_M], epsilon)
    drift_T = _drift(table, task_M, len(names))
    rho_T = np.clip(2.0 ** (-drift_T / half), least, most)
    won_T, played_T = sums(won_M, task_M, len(names)), np.bincount(task_M, minlength=len(names))
    counts_T2 = rho_T[:, None] * counts_T2 + np.stack([won_T, played_T - won_T], axis=1)
    figures = {
        "value": average(value_T),
        "fading": average(rho_T),
        "drift": average(drift_T),
        "new": average(~met_T),
    }
    parts = {"value": value_T[task_M][table.trajectory]}
    credit = Credit(advantage_M[table.trajectory], parts=parts, figures=figures)
    return credit, known.after(names, counts_T2, MOST_TASKS)


def _outcomes(table: TurnTable, outcome: str) -> FloatArray:
    """Return what was reached, from 0 to 1 [N]."""
    check_choice("outcome", outcome, ("success", "return"))
    if outcome == "success":
        return table.solved("single_stream").astype(np.float64)
    wrong = np.flatnonzero((table.episode_return < 0.0) | (table.episode_return > 1.0))
    if wrong.size:
        raise TableError(
            f"single_stream counts returns as wins, and that of {table.where(int(wrong[0]))} is "
            f"{table.episode_return[wrong[0]]}; expected 0 to 1 (reward.scale), or outcome = 'success'"
        )
    return table.episode_return


def _drift(table: TurnTable, task_M: IntArray, num_tasks: int) -> FloatArray:
    """Return how far the policy has moved from each task's last episode [T]."""
    if "drift" not in table.columns:
        return np.zeros(num_tasks)
    drift_T = np.zeros(num_tasks)
    drift_T[task_M] = table.numbers("drift", "single_stream")[table.first_rows]
    return drift_T


def _whitened(values_M: FloatArray, epsilon: float) -> FloatArray:
    """Return (value - mean) / (std + epsilon); 0 where all are equal."""
    if values_M.size < 2:
        return np.zeros_like(values_M)
    away_M = quiet(values_M - values_M.mean(), float(np.abs(values_M).max()))
    whitened: FloatArray = away_M / (values_M.std(ddof=1) + epsilon)
    return whitened
