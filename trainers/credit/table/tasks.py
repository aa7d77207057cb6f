"""The tasks of a turn table: what a state that is kept by task is kept under.

Shapes: _N rows (turns), _M trajectories, _T tasks.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from .columns import IntArray, combine, factorise
from .table import TurnTable


def tasks_of(table: TurnTable) -> tuple[IntArray, list[str]]:
    """Return the task of each trajectory [M] as codes by first appearance, and the tasks' names [T].

    A task is an environment and a seed. Where no column `task_seed` tells them apart, each
    prompt group is a task of its own.
    """
    first_M = table.first_rows
    if "task_seed" not in table.columns:
        code_M, groups = factorise(table.group[first_M])
        return code_M, [f"group {table.group_names[code]}" for code in groups]
    seed_M = table.columns["task_seed"][first_M]
    if "env_id" not in table.columns:
        code_M, seeds = factorise(seed_M)
        return code_M, [f"{int(seed)}" for seed in seeds]
    env_M, envs = factorise(table.columns["env_id"][first_M])
    seed_code_M, seeds = factorise(seed_M)
    code_M = combine(env_M, seed_code_M)
    pairs = dict(zip(code_M.tolist(), zip(env_M.tolist(), seed_code_M.tolist(), strict=True), strict=True))
    return code_M, [f"{envs[env]} {int(seeds[seed])}" for env, seed in pairs.values()]


def remember(known: dict[str, Any], names: list[str], values: list[Any], most: int) -> dict[str, Any]:
    """Return what is known of tasks with new values under some names; the oldest give way beyond `most`.

    Args:
        known: by name, the task met longest ago first.
        names: of tasks that were met now.
        values: what is known of each from here on.
        most: tasks that are kept.
    """
    for name, value in zip(names, values, strict=True):
        known.pop(name, None)
        known[name] = value
    for name in list(islice(known, max(0, len(known) - most))):
        del known[name]
    return known
