"""The stored trajectories of each place, opened once and kept up to date.

What was written without an index is taken in first, which takes minutes for gigabytes: it goes on
in a thread of its own, and pages say how far it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

from ....agents.stored import Row, StoredTrajectories
from ....agents.stored.members import read_line
from ....agents.stored.row import row_of
from ....agents.trajectories import parse
from ....agents.types import Trajectory
from ....errors import TurnwiseError, UsageError
from ..places import Place

_MOST_OPEN = 100
_PATIENCE_S = 1.0  # before a page says that it waits
_MISFIT = (ValueError, TypeError, AttributeError, OverflowError, RecursionError, OSError)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a stored trajectory is: a file, the place of its member in bytes, its line there."""

    file: str
    offset: int
    line: int

    @classmethod
    def of(cls, row: Row) -> Address:
        """Take it from a row."""
        return cls(row.file, row.offset, row.line)

    @classmethod
    def read(cls, text: str) -> Address:
        """Read what `str` wrote.

        Raises:
            UsageError: if it is something else.
        """
        file, offset, line = ["", *text.rsplit(":", 2)][-3:]
        if not (file and Path(file).name == file and offset.isdecimal() and line.isdecimal()):
            raise UsageError(f"{text[:100]!r}: expected FILE:OFFSET:LINE, as links have it")
        if max(len(offset), len(line)) > 15:
            raise UsageError(f"{text[:100]!r}: a place beyond every file")
        return cls(file, int(offset), int(line))

    def __str__(self) -> str:
        """Return it as links have it."""
        return f"{self.file}:{self.offset}:{self.line}"


class Opening(TurnwiseError):
    """A shelf that is still taken in; the text says how far it is."""


class Shelf:
    """The stored trajectories of the places that were looked at."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[Path, _Opened] = {}

    def of(self, place: Place) -> StoredTrajectories:
        """Return the trajectories of a place, with what was written since the last time.

        Raises:
            UsageError: if none are kept there.
            Opening: if they are still taken in.
        """
        with self._lock:
            known = self._known.get(place.folder)
            if known is None or known.error is not None:
                known = self._known[place.folder] = _Opened(place.folder)
            while len(self._known) > _MOST_OPEN:
                del self._known[next(iter(self._known))]
        return known.ready()

    def read(self, place: Place, address: Address) -> tuple[Row, Trajectory]:
        """Read one trajectory.

        Raises:
            UsageError: if it is not there any more, or broken.
        """
        path = place.folder / "trajectories" / address.file
        try:
            trajectory = parse(read_line(path, address.offset, address.line))
            return row_of(trajectory, address.file, address.offset, address.line), trajectory
        except _MISFIT as error:
            raise UsageError(f"{path.name}, at byte {address.offset}: {error}") from error


class _Opened:
    """The trajectories of one place: being taken in, or there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stored: StoredTrajectories | None = None
        self._there, self._lock = Event(), Lock()
        self._progress = (0, 0)  # bytes of all
        self.error: Exception | None = None
        Thread(target=self._open, daemon=True, name="turnwise-view-opening").start()

    def ready(self) -> StoredTrajectories:
        if not self._there.wait(_PATIENCE_S):
            done, total = self._progress
            raise Opening(f"{done} {total}")
        if self.error is not None or self._stored is None:
            raise UsageError(f"trajectories of {self._folder.name}: {self.error}")
        with self._lock:
            self._stored.refresh()
        return self._stored

    def _open(self) -> None:
        try:
            self._stored = StoredTrajectories(self._folder, self._tell)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page has to say it
            self.error = error
        self._there.set()

    @property
    def _tell(self) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            self._progress = (done, total)

        return tell
