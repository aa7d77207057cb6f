"""DCPO's smooth advantages: each episode beside its group, and beside all earlier groups of its task.

Shapes: _N rows (turns), _M trajectories, _G groups.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, register
from ...statistics.groups import RELATIVE_SPREAD, Moments, average, moments, standardise
from ...table.columns import BoolArray, FloatArray, IntArray
from ...table.table import TurnTable
from ...table.tasks import TaskNumbers, tasks_of

MOST_TASKS = 2**16


@register(
    "dcpo",
    state={"tasks": [], "values": []},
    by_task=True,
    source=Source(
        paper="DCPO: Dynamic Clipping Policy Optimization",
        ref="arXiv 2509.02333",
        exact="golden",
        how="the advantages and what is remembered of the tasks",
        note="a group of one gives 0 and is not remembered, where the release stops",
    ),
)
def dcpo(
    table: TurnTable, state: dict[str, Any], *, mode: Literal["mean_std", "mean"] = "mean_std"
) -> tuple[Credit, dict[str, Any]]:
    """Mix the score among its group with that among all steps of its task; of two mixtures keep the smaller.

    DCPO, arXiv 2509.02333, smooth advantage standardization. At a task's i-th step, `now` is a
    return standardised in its group and `all` the same by mean and deviation over all i steps;
    the advantage is (now (i - 1) + all) / i or (now + all (i - 1)) / i, whichever is
    nearer to 0. A group without a difference learns from the second one, from what
    its task gave before. Deviations are of the sample (ddof 1); those of steps are pooled
    with the spread of their means, each step weighing the same.

    Args:
        table: the batch; needs no column beyond the required.
        state: of each task how many steps it had, their mean and their deviation.
        mode: "mean_std" divides by the deviation, "mean" does not.

    Returns:
        advantage [N]; parts now, all_steps [N]; figures steps, the mean of i, and rescued, the
        share of groups without a difference that get an advantage all the same. And the state.
    """
    check_choice("mode", mode, ("mean_std", "mean"))
    first_M = table.first_rows
    return_M, group_M = table.episode_return[first_M], table.group[first_M]
    of = moments(return_M, group_M, table.num_groups)
    task_M, names = tasks_of(table)
    task_G = np.empty(table.num_groups, dtype=np.int64)
    task_G[group_M] = task_M
    known = TaskNumbers.of(state, 3)
    steps_T3, _ = known.get(names, (0.0, 0.0, 0.0))
    times_G, mean_G, std_G = steps_T3[task_G].T
    all_mean_G, all_std_G = _pooled(times_G, mean_G, std_G, of)
    now_M = standardise(return_M, group_M, of, mode, 0.0)
    all_M = _beside(return_M, group_M, all_mean_G, all_std_G, mode)
    part_M = (1.0 / (times_G + 1.0))[group_M]
    mostly_now_M = part_M * all_M + (1.0 - part_M) * now_M
    mostly_all_M = part_M * now_M + (1.0 - part_M) * all_M
    advantage_M = np.where(np.abs(mostly_now_M) < np.abs(mostly_all_M), mostly_now_M, mostly_all_M)
    compared_G = of.count > 1
    advantage_M[~compared_G[group_M]] = 0.0
    acts_G = np.bincount(group_M, advantage_M != 0.0, minlength=table.num_groups) > 0
    figures = {
        "steps": average(times_G[compared_G] + 1.0),
        "rescued": average((acts_G & ~of.alive)[compared_G]),
    }
    parts = {"now": now_M[table.trajectory], "all_steps": all_M[table.trajectory]}
    credit = Credit(advantage_M[table.trajectory], parts=parts, figures=figures)
    met = np.unique(task_G[compared_G])
    after_T3 = _stepped(steps_T3, task_G, compared_G, of)
    return credit, known.after([names[task] for task in met.tolist()], after_T3[met], MOST_TASKS)


def _pooled(
    times_G: FloatArray, mean_G: FloatArray, std_G: FloatArray, of: Moments
) -> tuple[FloatArray, FloatArray]:
    """Return mean and deviation of some earlier steps and the present one together [G]."""
    steps_G = times_G + 1.0
    now_std_G = np.where(of.alive, of.std, 0.0)
    pooled_mean_G = (mean_G * times_G + of.mean) / steps_G
    apart_G = times_G / steps_G * (of.mean - mean_G) ** 2
    variance_G = (times_G * std_G**2 + now_std_G**2 + apart_G) / steps_G
    fresh_G = times_G == 0
    return (
        np.where(fresh_G, of.mean, pooled_mean_G),
        np.where(fresh_G, now_std_G, np.sqrt(variance_G)),
    )


def _stepped(steps_T3: FloatArray, task_G: IntArray, compared_G: BoolArray, of: Moments) -> FloatArray:
    """Return steps, mean and deviation of each task after its groups, one after the other [T, 3]."""
    steps_T3 = steps_T3.copy()
    left = np.flatnonzero(compared_G)
    while left.size:  # once, unless a task has several groups
        first = left[np.unique(task_G[left], return_index=True)[1]]
        times, mean, std = steps_T3[task_G[first]].T
        one = Moments(of.count[first], of.mean[first], of.std[first], of.magnitude[first], of.alive[first])
        steps_T3[task_G[first]] = np.stack([times + 1.0, *_pooled(times, mean, std, one)], axis=1)
        left = np.setdiff1d(left, first)
    return steps_T3


def _beside(
    return_M: FloatArray, group_M: IntArray, mean_G: FloatArray, std_G: FloatArray, mode: str
) -> FloatArray:
    """Return each return beside a mean and a deviation of its group; 0 where the deviation is."""
    away_M: FloatArray = return_M - mean_G[group_M]
    if mode == "mean":
        return away_M
    least_M = RELATIVE_SPREAD * np.maximum(np.abs(return_M), np.abs(mean_G)[group_M])  # less is rounding
    std_M = std_G[group_M]
    return np.where(std_M > least_M, away_M / np.where(std_M > least_M, std_M, 1.0), 0.0)
