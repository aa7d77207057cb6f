"""The trajectories of one update of a training run, written with their rows."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ..trajectories import write_trajectories
from ..types import Trajectory
from .database import Database, FileState
from .row import row_of, text_of
from .taking import on_disk

log = logging.getLogger(__name__)


def store_update(path: Path, trajectories: Sequence[Trajectory]) -> None:
    """Write a file of trajectories, whole or not at all, and its rows into the index of its folder.

    An index that cannot be written is made again when the folder is opened.

    Raises:
        UsageError: if an info holds what JSON cannot hold, naming the trajectory.
        OSError: if the file cannot be written.
    """
    places = write_trajectories(path, trajectories)
    try:
        with closing(Database(path.parent)) as index, index.changing():
            index.forget(path.name)
            for trajectory, offset in zip(trajectories, places, strict=True):
                index.add(row_of(trajectory, path.name, offset, 0), text_of(trajectory))
            size, changed = on_disk(path)
            index.note(path.name, FileState(size, size, changed))
    except (sqlite3.Error, ValueError, TypeError) as error:
        log.warning("%s: not in the index: %s", path, error)
