"""What the parts of a run remember from update to update, as files of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...agents.trajectories import read_trajectories, write_trajectories
from ...errors import CheckpointError, UsageError
from ..learner.credit_memory import CreditMemory, by_task
from ..rollouts.choosers.memory import TaskMemory, load_tasks, save_tasks
from ..rollouts.samplers import SamplerState
from ..rollouts.samplers.memory import load_states, save_states

_SAMPLERS, _TASKS, _CREDIT, _LAST = "samplers", "tasks.json", "credit.json", "last_episodes.jsonl.gz"
_FLIGHT = "in_flight.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the parts of a run remember.

    Args:
        samplers: of each, by name.
        tasks: what came of the tasks of each environment, and what the chooser thinks of them.
        credit: of a credit estimator with state.
        in_flight: groups that were played ahead of their update, as plain values.
    """

    samplers: Mapping[str, SamplerState] = field(default_factory=dict)
    tasks: Mapping[str, TaskMemory] = field(default_factory=dict)
    credit: CreditMemory = field(default_factory=CreditMemory)
    in_flight: Sequence[Mapping[str, Any]] = ()

    def save(self, folder: Path) -> None:
        """Write it into a checkpoint's folder; what is empty has no file."""
        save_states(folder / _SAMPLERS, self.samplers)
        save_tasks(folder / _TASKS, self.tasks)
        if self.credit.state is not None:
            (folder / _CREDIT).write_text(json.dumps(self.credit.state), encoding="utf-8")
        if self.credit.last:
            write_trajectories(folder / _LAST, list(self.credit.last.values()))
        if self.in_flight:
            (folder / _FLIGHT).write_text(json.dumps(list(self.in_flight)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Remembered:
        """Read what `save` wrote.

        Raises:
            CheckpointError: naming the file that is broken.
        """
        return cls(
            load_states(folder / _SAMPLERS),
            load_tasks(folder / _TASKS),
            _load_credit(folder),
            _load_in_flight(folder / _FLIGHT),
        )


def _load_credit(folder: Path) -> CreditMemory:
    file = folder / _CREDIT
    try:
        state: Any = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        file = folder / _LAST
        return CreditMemory(state, by_task(list(read_trajectories(file))) if file.exists() else {})
    except (OSError, ValueError, UsageError) as error:
        raise CheckpointError(f"{file}: what credit remembers cannot be read: {error}") from error


def _load_in_flight(file: Path) -> Sequence[Mapping[str, Any]]:
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: what was in flight cannot be read: {error}") from error
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise CheckpointError(f"{file}: expected a list of plans, got {type(found).__name__}")
    return tuple(found)
