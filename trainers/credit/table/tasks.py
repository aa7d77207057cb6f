"""The tasks of a turn table: what a state that is kept by task is kept under.

Shapes: _N rows (turns), _M trajectories, _T tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .columns import BoolArray, FloatArray, IntArray, combine, factorise
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


@dataclass(frozen=True, slots=True)
class TaskNumbers:
    """Some numbers of each task, as a state holds them: names, and the numbers of all end to end.

    Args:
        place: of each name, the task met longest ago first.
        values: of each task [P, K].
    """

    place: Mapping[str, int]
    values: FloatArray

    @classmethod
    def of(cls, state: Mapping[str, Any], num: int) -> TaskNumbers:
        """Return what a state holds: `num` numbers for each task."""
        values = np.array(state["values"], dtype=np.float64).reshape(-1, num)
        return cls({name: place for place, name in enumerate(state["tasks"])}, values)

    def get(self, names: Sequence[str], first: Sequence[float]) -> tuple[FloatArray, BoolArray]:
        """Return the numbers of some tasks [T, K], `first` for one that is new, and which are known [T]."""
        place_T = np.array([self.place.get(name, -1) for name in names], dtype=np.int64)
        found = np.concatenate([self.values, [first]])[place_T]
        return found, place_T >= 0

    def after(self, names: Sequence[str], values: FloatArray, most: int) -> dict[str, Any]:
        """Return the state with new numbers of some tasks; of more than `most` the oldest give way.

        Args:
            names: each once.
            values: of each [T, K].
            most: tasks that are kept.
        """
        met = set(names)
        stay = [place for name, place in self.place.items() if name not in met]
        known = list(self.place)
        tasks = [known[place] for place in stay] + list(names)
        whole = np.concatenate([self.values[stay], values])
        return {"tasks": tasks[-most:], "values": whole[-most:].ravel().tolist()}
