"""The log of a run: one JSON line an update or evaluation, and the trajectories.

A line is written whole and flushed; after a crash the log is cut back to the
checkpoint from which the run goes on, so no update stands in it twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...agents.stored import store_update
from ...agents.trajectories import trajectory_path
from ...agents.types import Trajectory
from ...errors import TrainingError, UsageError
from ...files import write_whole
from ..trackers import Trackers
from .folder import is_run
from .standing import standing

_FILE = "log.jsonl"


class RunLog:
    """The log of a run, RUN/log.jsonl, and its RUN/trajectories.

    Args:
        run: folder of the run.
        trackers: are told of what is written.
    """

    def __init__(self, run: Path, trackers: Trackers | None = None) -> None:
        self.run, self._trackers = run, trackers
        self.path = run / _FILE
        run.mkdir(parents=True, exist_ok=True)

    def append(self, entry: dict[str, Any]) -> None:
        """Write one line.

        Raises:
            TrainingError: if the disk takes no more.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry, sort_keys=True) + "\n")
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be written: {error}") from error
        if self._trackers:
            self._trackers.figures(entry)

    def cut(self, num_lines: int) -> None:
        """Keep only the first lines: those that the checkpoint knows of."""
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            write_whole(self.path, "".join(lines[:num_lines]).encode())

    def trajectories(self, update: int, chosen: Sequence[Trajectory]) -> None:
        """Write the trajectories of an update, and their rows into the index beside them.

        Raises:
            TrainingError: if the disk takes no more.
        """
        if not chosen:
            return
        path = trajectory_path(self.run, update)
        try:
            store_update(path, chosen)
        except OSError as error:
            raise TrainingError(f"{path}: cannot be written: {error}") from error
        if self._trackers:
            self._trackers.trajectories(chosen, update)


def choose(trajectories: Sequence[Trajectory], mode: str, num: int) -> list[Trajectory]:
    """Return the trajectories to keep: all, none, or about `num`, evenly over the batch.

    Groups are kept whole, since credit compares what is in them. Failed
    trajectories are kept beside those, since their cause is what one looks for.
    """
    if mode == "all":
        return list(trajectories)
    if mode == "none" or num < 1 or not trajectories:
        return []
    groups = list(dict.fromkeys(trajectory.group for trajectory in trajectories))
    num_kept = max(1, round(num * len(groups) / len(trajectories)))
    kept = set(groups[:: max(1, len(groups) // num_kept)][:num_kept])
    return [trajectory for trajectory in trajectories if trajectory.group in kept or not trajectory.counts]


def read_log(run: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's log.

    Raises:
        UsageError: if there is no log, or a line is not a JSON object.
    """
    path = run / _FILE
    if is_run(run) and not path.exists():
        raise UsageError(f"{run}: nothing is logged yet: {standing(run).rstrip(':')}")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; expected the folder of a run") from error
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, line {number}: {error}") from error
        if not isinstance(entry, dict):
            raise UsageError(f"{path}, line {number}: holds {type(entry).__name__}; expected an object")
        entries.append(entry)
    return entries
