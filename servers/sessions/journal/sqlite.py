"""The durable journal: every record committed to an SQLite file before every reply.

With synchronous NORMAL a reply survives the death of the process by any signal;
with FULL it survives the loss of power too, for an fsync a commit. What the file holds
is said in `format`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import orjson

from .damage import commits_of
from .dropping import old_rows, rows_of
from .format import LAST_EPISODE, is_still, lock, notes_of, open_for_writing, records_of
from .records import Entry, Journal, JournalError, SessionRecord

log = logging.getLogger("turnwise.servers")

_MAX_LOG_PAGES = 4096  # of 4 KB: a write-ahead log that is longer is begun again
_MAX_COMMITS = 4096  # between two checkpoints; each takes some pages of the log
_SESSION = "INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,NULL)"
_EPISODE = "INSERT INTO episodes VALUES (?,?,?,?,?,NULL,?,?)"
_ENTRY = "INSERT INTO entries VALUES (NULL,?,?,?,?,?)"
_ENDED = "UPDATE episodes SET ended=?, final=? WHERE session=? AND episode=?"
_CLOSED = "UPDATE sessions SET closed=? WHERE id=?"
_ANSWER = "INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?)"
_FORGOTTEN = "DELETE FROM answers WHERE owner=? AND request_id=?"
_NOTE = "INSERT INTO notes VALUES (NULL,?,?,?)"
_MOVE = "INSERT OR REPLACE INTO moves VALUES (?,?,?,?,?,?)"
_OLD_MOVES = (
    "DELETE FROM moves WHERE made < ? AND session NOT IN (SELECT id FROM sessions WHERE closed IS NULL)"
)
_TIDY_S = 600.0
_MAX_DROPPED = 500  # rows of one commit
_GONE = "sessions end with this server; stop it, and start it with a journal that is there"
_LOST = (
    "journal %s is damaged; commits of its write-ahead log that cannot be read: %d. Sessions may stand "
    "before turns that were answered, or be missing"
)


class SqliteJournal(Journal):
    """A journal in a file, which one server at a time may write.

    Requests that wait for `commit` at the same moment share one transaction.

    Args:
        file: made if it is missing.
        synchronous: NORMAL or FULL, see above.
        keep_s: sessions closed longer ago than this are dropped, when the file is opened and later.
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
        self.file = file = file.resolve()  # wherever an environment goes
        self._lock = lock(file, wait_s)
        try:
            commits = commits_of(file)
            self._db = open_for_writing(file, synchronous)
            _, num_read, _ = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self.num_lost = sum(number > num_read for number in commits)
            self.compact(time.time() - keep_s, max_answers)
        except BaseException:
            os.close(self._lock)
            raise
        if self.num_lost:
            log.error(_LOST, file, self.num_lost)
        self._keep_s, self._tidied = keep_s, time.monotonic()
        self._pending: list[tuple[str, tuple[Any, ...]]] = []
        self._begin_again = False  # the write-ahead log was long at the last checkpoint
        self._num_commits = 0  # since the last checkpoint
        self._num_written = self._num_writing = 0  # records, in the order in which they came
        self._flush: asyncio.Future[None] | None = None
        # an fsync takes milliseconds: it must not hold the event loop
        self._thread = ThreadPoolExecutor(1, "turnwise-journal") if synchronous == "FULL" else None

    durable = True

    @property
    def dirty(self) -> bool:
        """Tell whether something recorded waits for `commit`."""
        return bool(self._pending) or self._flush is not None

    @property
    def is_gone(self) -> bool:
        """Tell whether the file was deleted or moved away, or another one put in its place."""
        return not is_still(self.file, self._lock)

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

    def forgotten(self, owner: str, request_id: str) -> None:
        """Record that an answer to a create or a fork is not needed any more."""
        self._pending.append((_FORGOTTEN, (owner, request_id)))

    def noted(self, run: str, kind: str, document: dict[str, Any]) -> None:
        """Record what has happened in a hosted run."""
        self._pending.append((_NOTE, (run, kind, orjson.dumps(document).decode())))

    def notes(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Return what was noted of runs, in order: run, kind, document."""
        return notes_of(self._db)

    def moved(self, id: str, hop: int, state: str, server: str, owner: str) -> None:
        """Record where a session is after a move."""
        self._pending.append((_MOVE, (id, hop, state, server, owner, time.time())))

    def moves(self) -> Iterator[tuple[str, int, Any, str, str]]:
        """Return what was recorded of moves."""
        yield from self._db.execute("SELECT session, hop, state, server, owner FROM moves")

    async def clear(self, id: str) -> None:
        """Drop what is left of a session that was here before; durable with what is recorded next.

        Raises:
            JournalError: if the file cannot be read or written.
        """
        await self.commit()
        if self._db.execute("SELECT 1 FROM sessions WHERE id=?", (id,)).fetchone():
            self._pending += await asyncio.to_thread(rows_of, self.file, [id])

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
            is_open = "SELECT id FROM sessions WHERE closed IS NULL"
            self._db.execute(
                f"DELETE FROM moves WHERE made < ? AND session NOT IN ({is_open})", (closed_before,)
            )
            self._db.execute(f"DELETE FROM answers WHERE made <= ({kept})", (max_answers,))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.file}: {error}") from error
        return int(num)

    async def tidy(self) -> None:
        """Move the write-ahead log into the file, and drop sessions that were closed long ago.

        Raises:
            JournalError: if the file is gone or cannot be written.
        """
        await asyncio.to_thread(self.checkpoint)
        if time.monotonic() - self._tidied < _TIDY_S:
            return
        self._tidied = time.monotonic()
        while dropped := await asyncio.to_thread(old_rows, self.file, self._keep_s):
            for start in range(0, len(dropped), _MAX_DROPPED):
                self._pending += dropped[start : start + _MAX_DROPPED]
                await self.commit()
                await asyncio.sleep(0)  # others write in between

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
            JournalError: if the file is gone or cannot be written.
        """
        if self.is_gone:
            raise JournalError(f"journal {self.file} was deleted or moved away: {_GONE}")
        try:
            with closing(sqlite3.connect(f"{self.file.as_uri()}?mode=rw", uri=True)) as db:
                self._num_commits = 0
                _, num_pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self._begin_again = num_pages > _MAX_LOG_PAGES
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
