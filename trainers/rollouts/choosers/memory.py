"""What is remembered of each task: how often it was played, and what came of it.

Tasks are those of one environment, the seeds 0 to env.num_tasks - 1: a task's seed is its
place in every column. A memory is never changed: a new one comes `after` some episodes.

Shapes: _P tasks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....agents.types import Trajectory
from ....errors import CheckpointError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MOST_TASKS = 2**20
"""Tasks of an environment that are remembered; with more of them nothing is."""


@dataclass(frozen=True, slots=True, eq=False)
class TaskMemory:
    """What came of the tasks of one environment in training so far.

    Only episodes count that did not fail for the machine's reasons. Those of which the
    environment did not say whether they were won are in `episodes` and not in `told`.

    Attributes:
        episodes: played [P].
        told: of these, known to be won or lost [P].
        won: of those [P].
        returns: summed over the episodes [P].
        turns: summed over the episodes [P].
        update: the last one that played the task, counted from 0; -1 before [P].
        own: columns of the chooser's own, by name [P] each.
    """

    episodes: Ints
    told: Ints
    won: Ints
    returns: Floats
    turns: Ints
    update: Ints
    own: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def new(cls, num_tasks: int) -> TaskMemory:
        """Return a memory of tasks that nobody has played."""
        zero = np.zeros(num_tasks, dtype=np.int64)
        return cls(zero, zero, zero, zero.astype(np.float64), zero, zero - 1)

    def __len__(self) -> int:
        """Return the number of tasks."""
        return len(self.episodes)

    @property
    def played(self) -> Bools:
        """Tell which tasks have an episode that counts [P]."""
        flags: Bools = self.episodes > 0
        return flags

    @property
    def success(self) -> Floats:
        """Return the share of a task's episodes that were won [P]; NaN where none is known."""
        return _mean(self.won, self.told)

    @property
    def mean_return(self) -> Floats:
        """Return the mean return of a task's episodes [P]; NaN where there are none."""
        return _mean(self.returns, self.episodes)

    @property
    def mean_turns(self) -> Floats:
        """Return the mean turns of a task's episodes [P]; NaN where there are none."""
        return _mean(self.turns, self.episodes)

    def after(self, trajectories: Iterable[Trajectory], update: int) -> TaskMemory:
        """Return the memory after the episodes that an update played, those of other tasks left out."""
        counting = [each for each in trajectories if each.counts and 0 <= each.task_seed < len(self)]
        if not counting:
            return self
        task_E = np.array([each.task_seed for each in counting])
        told_E = np.array([each.success is not None for each in counting], dtype=np.int64)
        won_E = np.array([bool(each.success) for each in counting], dtype=np.int64)
        return_E = np.array([each.episode_return for each in counting])
        turns_E = np.array([len(each.turns) for each in counting], dtype=np.int64)
        last = self.update.copy()
        last[task_E] = update
        return replace(
            self,
            episodes=_plus(self.episodes, task_E, 1),
            told=_plus(self.told, task_E, told_E),
            won=_plus(self.won, task_E, won_E),
            returns=_plus(self.returns, task_E, return_E),
            turns=_plus(self.turns, task_E, turns_E),
            update=last,
        )


def figures_of(memories: Mapping[str, TaskMemory]) -> dict[str, float]:
    """Return how difficult the tasks of a run are, as shares of all of them; nothing where none are kept.

    tasks/never were not played yet, tasks/always were won in each episode, tasks/unsolved in
    none, tasks/between in some. What is left are tasks whose success is unknown.
    """
    total = sum(map(len, memories.values()))
    if not total:
        return {}
    counts = {"never": 0, "always": 0, "unsolved": 0, "between": 0}
    for memory in memories.values():
        counts["never"] += int(np.sum(~memory.played))
        counts["always"] += int(np.sum((memory.told > 0) & (memory.won == memory.told)))
        counts["unsolved"] += int(np.sum((memory.told > 0) & (memory.won == 0)))
        counts["between"] += int(np.sum((memory.won > 0) & (memory.won < memory.told)))
    return {f"tasks/{name}": number / total for name, number in counts.items()}


def save_tasks(file: Path, memories: Mapping[str, TaskMemory]) -> None:
    """Write what is remembered of the tasks of each environment; no file where nothing is."""
    if memories:
        file.write_text(json.dumps({id: _document(each) for id, each in memories.items()}), encoding="utf-8")


def load_tasks(file: Path) -> dict[str, TaskMemory]:
    """Read what `save_tasks` wrote; nothing if there is no file.

    Raises:
        CheckpointError: if it cannot be read.
    """
    if not file.exists():
        return {}
    try:
        return {
            id: _memory(document) for id, document in json.loads(file.read_text(encoding="utf-8")).items()
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CheckpointError(f"{file}: what is known of the tasks cannot be read: {error}") from error


def _document(memory: TaskMemory) -> dict[str, Any]:
    """Return a memory as JSON: the columns of the tasks that were played, the chooser's own whole."""
    met = np.flatnonzero(memory.update >= 0)
    columns = {name: getattr(memory, name)[met].tolist() for name in _COLUMNS}
    own = {name: column.tolist() for name, column in memory.own.items()}
    return {"num_tasks": len(memory), "tasks": met.tolist(), "columns": columns, "own": own}


def _memory(document: Mapping[str, Any]) -> TaskMemory:
    memory = TaskMemory.new(int(document["num_tasks"]))
    met = np.array(document["tasks"], dtype=np.int64)
    columns = {name: getattr(memory, name).copy() for name in _COLUMNS}
    for name, column in columns.items():
        column[met] = document["columns"][name]
    return TaskMemory(**columns, own={name: np.array(own, float) for name, own in document["own"].items()})


_COLUMNS = tuple(column.name for column in fields(TaskMemory) if column.name != "own")


def _plus(column_P: NDArray[Any], task_E: Ints, values: Any) -> NDArray[Any]:
    summed = column_P.copy()
    np.add.at(summed, task_E, values)
    return summed


def _mean(sum_P: NDArray[Any], count_P: Ints) -> Floats:
    means = np.full(len(sum_P), np.nan)
    np.divide(sum_P, count_P, out=means, where=count_P > 0)
    return means
