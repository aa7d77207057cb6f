"""A folder of trajectories, opened: its index, brought up to what lies there, and each trajectory alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ...errors import UsageError
from ..trajectories import parse
from ..types import Trajectory
from . import query
from .database import Database, FileState
from .members import read_line
from .row import Row
from .taking import FOLDER, GROWING, on_disk, take_in

_SUFFIX = ".jsonl.gz"
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """What of a file could not be taken in; the rest of it is there."""

    file: str
    cause: str


class StoredTrajectories:
    """The trajectories of a run or an evaluation; used with `with`, or closed.

    What was written without an index is taken in when it is opened, and stays in it. Where the
    index cannot be written, it is made in memory.

    Args:
        place: the folder of a run or an evaluation, or one file of trajectories.
        on_progress: told, while files are taken in, how many bytes of how many are done.

    Raises:
        UsageError: if there are no trajectories there.
    """

    def __init__(self, place: str | Path, on_progress: OnProgress | None = None) -> None:
        place = Path(place)
        self.folder = place.parent if place.is_file() else place / FOLDER
        self._only = place.name if place.is_file() else None
        if self._only is None and not self.folder.is_dir():
            raise UsageError(
                f"{place}: no trajectories are kept there, or none yet; expected {place / FOLDER}"
            )
        self._database = Database(None if self._only else self.folder)
        try:
            self.refresh(on_progress)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> StoredTrajectories:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the index."""
        self.close()

    def close(self) -> None:
        """Close the index."""
        self._database.close()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what could not be taken in, by file."""
        return tuple(
            Problem(name, state.problem) for name, state in self._database.files().items() if state.problem
        )

    def rows(
        self,
        filter: query.Filter = query.EVERYTHING,
        order: str = "place",
        *,
        descending: bool = False,
        first: int = 0,
        limit: int = 100,
    ) -> query.Page:
        """Return a page of rows; see query.rows."""
        return query.rows(self._database, filter, order, descending=descending, first=first, limit=limit)

    def counts(self, name: str, filter: query.Filter = query.EVERYTHING) -> dict[object, int]:
        """Return how many rows have each value of a field; see query.counts."""
        return query.counts(self._database, name, filter)

    def read(self, row: Row) -> Trajectory:
        """Return the trajectory of a row, without reading the others.

        Raises:
            UsageError: if it is not there any more, or broken.
        """
        if Path(row.file).name != row.file:
            raise UsageError(f"{row.file!r}: expected the name of a file in {self.folder}")
        path = self.folder / row.file
        try:
            return parse(read_line(path, row.offset, row.line))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, at byte {row.offset}, line {row.line}: {error}") from error

    def refresh(self, on_progress: OnProgress | None = None) -> None:
        """Take in what has been written since."""
        known = self._database.files()
        names = [self._only] if self._only else sorted(file.name for file in self.folder.glob(f"*{_SUFFIX}"))
        for gone in known.keys() - set(names):
            with self._database.changing():
                self._database.forget(gone)
        due = {name: now for name in names if (now := on_disk(self.folder / name)) != _seen(known.get(name))}
        total, done = sum(size for size, _ in due.values()), 0
        for name, (size, changed) in due.items():
            former = known.get(name)
            grown = former is not None and name == GROWING and former.taken <= size
            start = former.taken if grown and former is not None else 0
            for taken in take_in(self._database, self.folder / name, start, (size, changed)):
                if on_progress is not None:
                    on_progress(done + taken, total)
            done += size


def _seen(state: FileState | None) -> tuple[int, int] | None:
    return None if state is None else (state.size, state.changed)
