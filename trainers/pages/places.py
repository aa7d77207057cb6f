"""What lies below a path: folders of runs and of evaluations, found without opening what is large."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import UsageError
from ..runs.folder import is_run

Kind = Literal["run", "evaluation"]
_DEPTH = 6
_MOST_FOLDERS, _MOST_PLACES = 20_000, 5_000
_NOT_ENTERED = {"checkpoints", "trajectories", "best", "warmstart", "held_out", "node_modules", "__pycache__"}
_LOG = "log.jsonl"
ROWS = "rows.jsonl"
RECORD = "record.json"
_OF_EVALUATIONS = (ROWS, "evaluation.json", RECORD, "trajectories")  # gateways have the last alone


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that has something to show.

    Attributes:
        at: its path below what is looked at; "." for that itself.
        folder: where it is.
        kind: what it is.
        changed: when its log was written last, in seconds since the epoch.
    """

    at: str
    folder: Path
    kind: Kind
    changed: float

    @property
    def name(self) -> str:
        """Return what it is called: its path, or the folder's name where it is all that is looked at."""
        return self.at if self.at != "." else self.folder.resolve().name


@dataclass(frozen=True, slots=True)
class Places:
    """All that is looked at: what lies below a root.

    Args:
        root: the folder of a run or an evaluation, or one that holds some at any depth up to six.
    """

    root: Path

    def list(self) -> list[Place]:
        """Return what there is, the one written last first."""
        found = [place for place in map(self._look, self._folders()) if place is not None]
        return sorted(found[:_MOST_PLACES], key=lambda place: -place.changed)

    def find(self, at: str) -> Place:
        """Return the place of a path as `list` gives it; nothing outside the root is ever one.

        Raises:
            UsageError: if there is none.
        """
        folder = self.root / at
        try:
            inside = ".." not in Path(at).parts and folder.resolve().is_relative_to(self.root.resolve())
            place = self._look(folder) if inside else None
        except (OSError, ValueError):  # no name that a file can have
            place = None
        if place is None:
            raise UsageError(
                f"{at[:100]!r}: neither a run nor an evaluation; it may have been moved or removed"
            )
        return place

    def _folders(self) -> Iterator[Path]:
        waiting, seen = [(self.root, 0)], 0
        while waiting and seen < _MOST_FOLDERS:
            folder, depth = waiting.pop()
            seen += 1
            yield folder
            if depth < _DEPTH:
                waiting += [(Path(below), depth + 1) for below in _below(folder)]

    def _look(self, folder: Path) -> Place | None:
        kind: Kind
        if is_run(folder) or (folder / _LOG).is_file():
            kind, file = "run", folder / _LOG
        elif found := [folder / name for name in _OF_EVALUATIONS if (folder / name).exists()]:
            kind, file = "evaluation", found[0]
        else:
            return None
        written = file if file.exists() else folder
        return Place(folder.relative_to(self.root).as_posix(), folder, kind, written.stat().st_mtime)


def _below(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [
                entry.path
                for entry in entries
                if entry.is_dir(follow_symlinks=False)
                and entry.name not in _NOT_ENTERED
                and not entry.name.startswith(".")
            ]
    except OSError:
        return []
