"""The durable journal: every record committed to an SQLite file before every reply.

With synchronous NORMAL a reply survives the death of the process by any signal;
with FULL it survives the loss of power too, for an fsync a commit. What the file holds
is said in `format`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import orjson

from .format import LAST_EPISODE, lock, open_for_writing, records_of
from .records import Entry, Journal, JournalError, SessionRecord

_MAX_LOG_PAGES = 4096  # of 4 KB: a write-ahead log that is longer is begun again
_MAX_COMMITS = 4096  # between two checkpoints; each takes some pages of the log
_SESSION = "INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,NULL)"
_EPISODE = "INSERT INTO episodes VALUES (?,?,?,?,?,NULL,?,?)"
_ENTRY = "INSERT INTO entries VALUES (NULL,?,?,?,?,?)"
_ENDED = "UPDATE episodes SET ended=?, final=? WHERE session=? AND episode=?"
_CLOSED = "UPDATE sessions SET closed=? WHERE id=?"
_ANSWER = "INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?)"


class SqliteJournal(Journal):
    """A journal in a file, which one server at a time may write.

    Requests that wait for `commit` at the same moment share one transaction.

    Args:
        file: made if it is missing.
        synchronous: NORMAL or FULL, see above.
        keep_s: closed sessions older than this are dropped when the file is opened.
        max_answers: how many answers to create and fork are kept.
        wait_s: how long to wait for another server, which may be about to stop, to let the file go.

    Raises:
        UsageError: if another server writes the file.
        JournalError: if it is not a journal, of another format, or broken.
    """

    def __init__(
        self,
        file: Path,
        *,
        synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
        keep_s: float = 30 * 86_400.0,
        max_answers: int = 4096,
        wait_s: float = 0.0,
    ) -> None:
        self.file = file
        self._lock = lock(file, wait_s)
        try:
            self._db = open_for_writing(file, synchronous)
            self.compact(time.time() - keep_s, max_answers)
        except BaseException:
            os.close(self._lock)
            raise
        self._pending: list[tuple[str, tuple[Any, ...]]] = []
        self._begin_again = False  # the write-ahead log was long at the last checkpoint
        self._num_commits = 0  # since the last checkpoint
        self._num_written = self._num_writing = 0  # records, in the order in which they came
        self._flush: asyncio.Future[None] | None = None
        # an fsync takes milliseconds: it must not hold the event loop
        self._thread = ThreadPoolExecutor(1, "turnwise-journal") if synchronous == "FULL" else None

    @property
    def dirty(self) -> bool:
        """Tell whether something recorded waits for `commit`."""
        return bool(self._pending) or self._flush is not None

    @property
    def is_long(self) -> bool:
        """Tell whether so much was written since the last `checkpoint` that one is due."""
        return self._num_commits > _MAX_COMMITS

    def opened(self, record: SessionRecord) -> None:
        """Record a new session with its current episode and log."""
        row = (
            record.id,
            record.incarnation,
            record.owner,
            record.env_id,
            record.version,
            record.fingerprint,
            orjson.dumps(record.kwargs).decode(),
            record.base_seed,
            record.keep_private,
            record.parent,
            time.time(),
        )
        self._pending.append((_SESSION, row))
        self.began(record)
        for entry in record.log:
            self.stepped(record.id, record.episode, entry)

    def began(self, record: SessionRecord) -> None:
        """Record that a session has started the episode that its record holds."""
        options = None if record.options is None else orjson.dumps(record.options).decode()
        final = record.final or None
        row = (record.id, record.episode, record.seed, options, record.reset_digest, final, time.time())
        self._pending.append((_EPISODE, row))

    def stepped(self, id: str, episode: int, entry: Entry) -> None:
        """Record the next entry in the log of an episode."""
        self._pending.append((_ENTRY, (id, episode, entry.action, entry.digest, entry.reseed)))

    def ended(self, id: str, episode: int, end: str, final: bytes) -> None:
        """Record how an episode ended."""
        self._pending.append((_ENDED, (end, final or None, id, episode)))

    def closed(self, ids: Sequence[str]) -> None:
        """Record that sessions were closed."""
        now = time.time()
        self._pending += [(_CLOSED, (now, id)) for id in ids]

    def answered(self, owner: str, request_id: str, digest: bytes, answer: bytes) -> None:
        """Record the answer to a create or a fork."""
        self._pending.append((_ANSWER, (owner, request_id, digest, answer, time.time())))

    async def commit(self) -> None:
        """Make everything recorded so far durable, together with what others record meanwhile.

        Raises:
            JournalError: if it could not be written; it is kept and tried again.
        """
        mine = self._num_written + self._num_writing + len(self._pending)
        while self._num_written < mine:
            if self._flush is None:
                loop = asyncio.get_running_loop()
                self._flush = loop.create_future()
                loop.call_soon(self._start_flush, loop, self._flush)
            await asyncio.shield(self._flush)  # what this caller recorded may need the next one, too

    def sessions(self) -> Iterator[SessionRecord]:
        """Return the sessions that are open, with their current episodes."""
        return records_of(self._db, "s.closed IS NULL AND e.episode = (" + LAST_EPISODE + ")")

    def answers(self) -> Iterator[tuple[str, str, bytes, bytes]]:
        """Return the recorded answers, oldest first."""
        yield from self._db.execute("SELECT owner, request_id, digest, answer FROM answers ORDER BY made")

    def compact(self, closed_before: float, max_answers: int = 4096) -> int:
        """Drop sessions closed before a time, and the oldest answers; return how many sessions.

        Raises:
            JournalError: if the file cannot be written.
        """
        gone = "SELECT id FROM sessions WHERE closed < ?"
        kept = "SELECT made FROM answers ORDER BY made DESC LIMIT 1 OFFSET ?"
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for table in ("entries", "episodes"):
                self._db.execute(f"DELETE FROM {table} WHERE session IN ({gone})", (closed_before,))
            num = self._db.execute("DELETE FROM sessions WHERE closed < ?", (closed_before,)).rowcount
            self._db.execute(f"DELETE FROM answers WHERE made <= ({kept})", (max_answers,))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.file}: {error}") from error
        return int(num)

    def vacuum(self) -> None:
        """Give the space of dropped rows back to the file system.

        Raises:
            JournalError: if the file cannot be written.
        """
        try:
            self._db.execute("VACUUM")
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.file}: {error}") from error

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file; blocks for an fsync, so call it on a thread.

        Moving it disturbs nobody, but the end of a log that is written all the while
        is never reached, so it would grow for ever: of a long one the writer itself
        moves what little came since, and begins it again.

        Raises:
            JournalError: if the file cannot be written.
        """
        try:
            db = sqlite3.connect(self.file)
            try:
                self._num_commits = 0
                _, num_pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self._begin_again = num_pages > _MAX_LOG_PAGES
            finally:
                db.close()
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.file}: {error}") from error

    def close(self) -> None:
        """Write what waits, if it can be written, and release the file."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        try:
            if self._pending:
                self._write(self._pending)
                self._pending = []
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._db.close()
            os.close(self._lock)

    def _start_flush(self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
        rows, self._pending = self._pending, []
        self._num_writing = len(rows)
        if self._thread is None:
            self._finish_flush(rows, done, _outcome(self._write, rows))
        else:
            work = loop.run_in_executor(self._thread, _outcome, self._write, rows)
            work.add_done_callback(lambda future: self._finish_flush(rows, done, future.result()))

    def _finish_flush(
        self, rows: list[tuple[str, tuple[Any, ...]]], done: asyncio.Future[None], error: JournalError | None
    ) -> None:
        self._flush, self._num_writing = None, 0
        self.failed = error is not None
        if error is None:
            self._num_written += len(rows)
            done.set_result(None)
            return
        self._pending = rows + self._pending
        done.set_exception(error)
        done.exception()  # seen, should nobody wait any more

    def _write(self, rows: list[tuple[str, tuple[Any, ...]]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for statement, group in itertools.groupby(rows, key=lambda row: row[0]):
                    self._db.executemany(statement, [values for _, values in group])
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._num_commits += 1
            if self._begin_again:
                self._begin_again = False
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.file}: {error}") from error


def _outcome(write: Any, rows: list[tuple[str, tuple[Any, ...]]]) -> JournalError | None:
    try:
        write(rows)
    except JournalError as error:
        return error
    return None
