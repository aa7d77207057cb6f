"""What a run has stored of an update, and what its log says of the whole batch.

A run keeps a sample of its groups by default (`log.trajectories`), so figures of what is
stored are not those of the batch: both are shown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ....agents.trajectories import read_trajectories
from ....agents.types import Trajectory
from ....errors import UsageError
from ...runs.folder import is_run, recipe_of
from ...runs.log import read_log

_MOST_READ = 40  # updates that are looked through for a signal


@dataclass(frozen=True, slots=True)
class Stored:
    """The trajectories of one update.

    Attributes:
        trajectories: those that are stored.
        update: its number; None for a file.
        method: the estimator that the run trained with; "" where nothing says.
        logged: what the log says of the update, of the whole batch.
    """

    trajectories: list[Trajectory]
    update: int | None = None
    method: str = ""
    logged: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sample(self) -> str:
        """Say which part of its batch is stored; empty where that is all, or unknown."""
        num, played = len(self.trajectories), int(self.logged.get("rollout/episodes", 0))
        if num >= played:
            return ""
        groups = len({trajectory.group for trajectory in self.trajectories})
        return (
            f"Update {self.update}: {num} of its {played} episodes, {groups} groups, are stored, as "
            "log.trajectories says. The figures are of these; those of the whole batch are from the log."
        )


def load_stored(run: Path, update: int | None = None) -> Stored:
    """Read the trajectories of a run: those of one update, or of the last.

    Args:
        run: the folder of a run, or a file of trajectories.
        update: the number of an update.

    Raises:
        UsageError: if there are none.
    """
    if run.is_file():
        return Stored(read_trajectories(run))
    files = _files(run)
    if update is not None:
        files = {number: file for number, file in files.items() if number == update}
    if not files:
        which = "no trajectories" if update is None else f"no trajectories of update {update}"
        raise UsageError(f"{run} holds {which}; expected {run}/trajectories/update-NNNNNN.jsonl.gz")
    number = max(files)
    logged = [entry for entry in _log(run) if (entry.get("kind"), entry.get("update")) == ("update", number)]
    return Stored(read_trajectories(files[number]), number, _method(run), logged[-1] if logged else {})


def update_with_signal(run: Path) -> int | None:
    """Return the latest update of which a group is stored whose episodes differ; None where none is found."""
    for number, file in sorted(_files(run).items(), reverse=True)[:_MOST_READ]:
        returns: dict[str, list[float]] = {}
        for trajectory in read_trajectories(file):
            if trajectory.counts:
                returns.setdefault(trajectory.group, []).append(trajectory.episode_return)
        if any(float(np.std(values)) > 0 for values in returns.values()):
            return number
    return None


def _files(run: Path) -> dict[int, Path]:
    found = (run / "trajectories").glob("update-*.jsonl.gz")
    return {int(file.name.removeprefix("update-").removesuffix(".jsonl.gz")): file for file in found}


def _log(run: Path) -> list[dict[str, Any]]:
    return read_log(run) if (run / "log.jsonl").is_file() else []


def _method(run: Path) -> str:
    if not is_run(run):
        return ""
    return str(tomllib.loads(recipe_of(run).read_text(encoding="utf-8")).get("credit", {}).get("name", ""))
