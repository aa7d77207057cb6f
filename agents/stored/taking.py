"""A file of trajectories taken into the index; what of it is broken is told, the rest is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..trajectories import parse, promised
from .database import Database, FileState
from .members import Line, Members
from .row import Row, row_of, text_of

FOLDER = "trajectories"
"""Where a run or an evaluation keeps them."""
GROWING = "episodes.jsonl.gz"
"""The file of an evaluation, to which each episode is appended as it ends."""
_MAX_PROBLEMS = 20  # told of one file
_BATCH = 200  # rows that come into the index at once
_MISFIT = (ValueError, TypeError, AttributeError, OverflowError, RecursionError)


def take_in(database: Database, path: Path, start: int, seen: tuple[int, int]) -> Iterator[int]:
    """Take a file in, and yield from time to time how many bytes of it are.

    Args:
        database: the index.
        path: the file.
        start: where to begin; what stands before it is in the index. From 0 all of it is taken in anew.
        seen: size and time of the file.
    """
    taking = _Taking(path, start)
    waiting: list[tuple[Row, str]] = []
    if start == 0:
        with database.changing():
            database.forget(path.name)
    for row in taking:
        waiting.append(row)
        if len(waiting) == _BATCH:
            _write(database, waiting)
            waiting = []
            yield taking.members.end
    _write(database, waiting)
    with database.changing():
        database.note(path.name, FileState(taking.members.end, *seen, taking.problem))
    yield seen[0]


def on_disk(path: Path) -> tuple[int, int]:
    """Return the size of a file in bytes and when it was written last in nanoseconds; zeros if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _write(database: Database, rows: list[tuple[Row, str]]) -> None:
    with database.changing():
        for row, text in rows:
            if row.file == GROWING:
                database.supersede(row)
            database.add(row, text)


class _Taking:
    """The rows of a file, and what was wrong with it."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self.members = Members(path, start)
        self._problems: list[str] = []
        self._left_out = 0
        self._expected: int | None = None
        self._found = 0

    @property
    def problem(self) -> str:
        """Return what was wrong; empty if nothing was."""
        told = [*self._problems, *([self.members.problem] if self.members.problem else [])]
        if self._left_out:
            told.append(f"and {self._left_out} more")
        if self._expected is not None and self._found != self._expected and not told:
            told.append(f"promises {self._expected} trajectories and has {self._found}")
        return "; ".join(told)

    def __iter__(self) -> Iterator[tuple[Row, str]]:
        """Yield each row with its text; a line that is not a trajectory is passed over."""
        for line in self.members:
            if line.offset == line.number == 0:
                try:
                    self._expected = promised(line.content)
                except _MISFIT as error:
                    self._problems.append(f"line 1: {error}")
                    return
                continue
            self._found += 1
            try:
                trajectory = parse(line.content)
                found = row_of(trajectory, self._path.name, line.offset, line.number), text_of(trajectory)
            except _MISFIT as error:
                self._tell(line, error)
                continue
            yield found

    def _tell(self, line: Line, error: Exception) -> None:
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(f"at byte {line.offset}, line {line.number}: {str(error)[:300]}")
        else:
            self._left_out += 1
