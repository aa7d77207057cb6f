"""What the parts of a run remember from update to update, as files of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from .choosers.memory import TaskMemory, load_tasks, save_tasks
from .samplers import SamplerState
from .samplers.memory import load_states, save_states

_SAMPLERS, _TASKS, _CREDIT = "samplers", "tasks.json", "credit.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the parts of a run remember.

    Args:
        samplers: of each, by name.
        tasks: what came of the tasks of each environment, and what the chooser thinks of them.
        credit: of a credit estimator with state, a plain value; None: nothing.
    """

    samplers: Mapping[str, SamplerState] = field(default_factory=dict)
    tasks: Mapping[str, TaskMemory] = field(default_factory=dict)
    credit: Any = None

    def save(self, folder: Path) -> None:
        """Write it into a checkpoint's folder; what is empty has no file."""
        save_states(folder / _SAMPLERS, self.samplers)
        save_tasks(folder / _TASKS, self.tasks)
        if self.credit is not None:
            (folder / _CREDIT).write_text(json.dumps(self.credit), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Remembered:
        """Read what `save` wrote.

        Raises:
            CheckpointError: naming the file that is broken.
        """
        file, credit = folder / _CREDIT, None
        try:
            credit = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{file}: the state of the credit cannot be read: {error}") from error
        return cls(load_states(folder / _SAMPLERS), load_tasks(folder / _TASKS), credit)
