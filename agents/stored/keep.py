"""The trajectories of an evaluation, kept as its episodes end; one that is whole survives the process.

They are appended to one file, each a gzip member. What a process that was killed left half written
is cut off by the next one.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from ...errors import UsageError
from ...files import write_whole
from ..trajectories import header, iter_trajectories, member, parse
from ..types import Trajectory
from .database import Database, FileState
from .members import Members, read_line
from .row import row_of, text_of
from .taking import FOLDER, GROWING, on_disk, take_in

log = logging.getLogger(__name__)


class KeptTrajectories:
    """What an evaluation keeps; used by one process at a time.

    Args:
        place: the folder of the evaluation.
        limit_mb: of the file, in megabytes; what ends beyond it is not kept, which is said once.

    Attributes:
        last: the one that was kept last by a former process; None if there is none.

    Raises:
        UsageError: if the file holds something else.
    """

    def __init__(self, place: Path, limit_mb: float) -> None:
        self.path = place / FOLDER / GROWING
        self._limit = limit_mb * 1e6
        self.left_out = 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._index = Database(self.path.parent)
        self._indexes = True
        try:
            self._end = self._mended()
            self.last = self._former()
            self._file = self.path.open("r+b")
        except BaseException:
            self._index.close()
            raise
        self._file.seek(self._end)

    @property
    def next_member(self) -> int:
        """Return a place in a group that none of those that are kept has."""
        most = self._index.ask('SELECT max("member") FROM rows', ())[0][0]
        return 0 if most is None else int(str(most)) + 1

    def close(self) -> None:
        """Close the file and its index."""
        self._file.close()
        self._index.close()

    def add(self, trajectory: Trajectory) -> None:
        """Append a trajectory.

        Raises:
            UsageError: if it holds what JSON cannot hold.
            OSError: if the disk takes no more; what was there stays whole.
        """
        try:
            content = member(trajectory)
        except (TypeError, ValueError) as error:
            raise UsageError(f"the trajectory of {trajectory.task} cannot be kept: {error}") from error
        if self._end + len(content) > self._limit:
            self._leave_out()
            return
        offset = self._end
        try:
            self._file.write(content)
            self._file.flush()
        except OSError:
            self._file.truncate(offset)
            raise
        self._end += len(content)
        self._enter(trajectory, offset)

    def retell(self, change: Callable[[Trajectory], Trajectory]) -> None:
        """Write all of them anew, each as `change` returns it; whole or not at all.

        Raises:
            UsageError: if the file is broken.
            OSError: if the disk takes no more; what was there stays whole.
        """
        new = self.path.with_name(f"{GROWING}.new")
        try:
            with new.open("wb") as file:
                file.write(header(None))
                for trajectory in iter_trajectories(self.path):
                    file.write(member(change(trajectory)))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._file.close()
        self._file = self.path.open("r+b")
        self._end = self._file.seek(0, os.SEEK_END)
        for _ in take_in(self._index, self.path, 0, on_disk(self.path)):
            pass

    def _leave_out(self) -> None:
        self.left_out += 1
        if self.left_out == 1:
            log.warning(
                "%s has reached its limit of %g MB: the trajectories of further episodes are not kept; "
                "their rows are (a setting, --keep-mb)",
                self.path,
                self._limit / 1e6,
            )

    def _enter(self, trajectory: Trajectory, offset: int) -> None:
        """Write the row; an index that cannot be written is made again when the folder is opened."""
        if not self._indexes:
            return
        try:
            row = row_of(trajectory, GROWING, offset, 0)
            with self._index.changing():
                self._index.supersede(row)
                self._index.add(row, text_of(trajectory))
                self._index.note(GROWING, FileState(self._end, *on_disk(self.path)))
        except (sqlite3.Error, ValueError, TypeError) as error:
            log.warning("%s: the index is not written any more: %s", self.path.parent, error)
            self._indexes = False

    def _mended(self) -> int:
        """Return where the next trajectory goes, behind the last whole one; the file is made if missing."""
        if not self.path.exists():
            write_whole(self.path, header(None))
        known = self._index.files().get(GROWING)
        start = known.taken if known is not None and known.taken <= self.path.stat().st_size else 0
        walk = Members(self.path, start)
        for _ in walk:
            pass
        if walk.problem and not walk.cut:
            raise UsageError(
                f"{self.path}, {walk.problem}; nothing is appended to a broken file: move it away, or choose "
                "another folder"
            )
        os.truncate(self.path, walk.end)
        for _ in take_in(self._index, self.path, start, on_disk(self.path)):
            pass
        problem = self._index.files()[GROWING].problem
        if problem.startswith("line 1:"):
            raise UsageError(f"{self.path}, {problem}; choose another folder")
        return walk.end

    def _former(self) -> Trajectory | None:
        found = self._index.ask('SELECT max("offset") FROM rows WHERE file = ?', (GROWING,))
        offset = found[0][0]
        return None if offset is None else parse(read_line(self.path, int(str(offset)), 0))
