"""The durable journal: one SQLite file in WAL mode, committed before every reply.

Format 1. All texts are UTF-8, all JSON is compact, times are Unix seconds.

  meta      key, value                    format = "1", written_by = version of turnwise
  sessions  id, incarnation, owner, env_id, version, fingerprint, kwargs (JSON),
            base_seed, keep_private, parent (session forked from), created, closed
  episodes  session, episode, seed, options (JSON), reset_digest, ended,
            final (last reply without its names, where the machine ended the episode), started
  entries   number, session, episode, action, digest, reseed
            in order of number: an action with the digest of its reply, or a reseeding;
            a log without an index, since that costs a fraction of what a tree would
  answers   owner, request_id, digest (of the request), answer, made

A digest is BLAKE2b with 16 bytes over the reply as sent, without `id` and
`incarnation`. Rule for other formats: a file of another format is refused,
never converted in place; `turnwise` of the version in `written_by` reads it.

With synchronous NORMAL a reply survives the death of the process by any signal;
with FULL it survives the loss of power too, for an fsync a commit.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import orjson

from ....errors import UsageError
from .files import worker_journals
from .records import Entry, JournalError, SessionRecord

__all__ = ["FORMAT", "SqliteJournal", "open_reader", "records_of"]

log = logging.getLogger("turnwise.servers")

FORMAT = "1"
_APPLICATION_ID = 0x7475726E  # "turn", so that `file` and we know it
_LOCK_POLL_S = 0.05
_MAX_LOG_PAGES = 4096  # of 4 KB: a write-ahead log that is longer is begun anew
_MAX_COMMITS = 4096  # between two checkpoints; each takes some pages of the log
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, incarnation TEXT NOT NULL, owner TEXT NOT NULL, env_id TEXT NOT NULL,
    version INTEGER NOT NULL, fingerprint TEXT NOT NULL, kwargs TEXT NOT NULL,
    base_seed INTEGER NOT NULL, keep_private INTEGER NOT NULL, parent TEXT,
    created REAL NOT NULL, closed REAL
) WITHOUT ROWID;
CREATE TABLE episodes (
    session TEXT NOT NULL, episode INTEGER NOT NULL, seed INTEGER NOT NULL, options TEXT,
    reset_digest BLOB NOT NULL, ended TEXT, final BLOB, started REAL NOT NULL,
    PRIMARY KEY (session, episode)
) WITHOUT ROWID;
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, session TEXT NOT NULL, episode INTEGER NOT NULL,
    action TEXT, digest BLOB NOT NULL, reseed INTEGER
);
CREATE TABLE answers (
    owner TEXT NOT NULL, request_id TEXT NOT NULL, digest BLOB NOT NULL, answer BLOB NOT NULL,
    made REAL NOT NULL, PRIMARY KEY (owner, request_id)
) WITHOUT ROWID;
"""
_SESSION = "INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,NULL)"
_EPISODE = "INSERT INTO episodes VALUES (?,?,?,?,?,NULL,?,?)"
_ENTRY = "INSERT INTO entries VALUES (NULL,?,?,?,?,?)"
_ENDED = "UPDATE episodes SET ended=?, final=? WHERE session=? AND episode=?"
_CLOSED = "UPDATE sessions SET closed=? WHERE id=?"
_ANSWER = "INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?)"


class SqliteJournal:
    """Record sessions in a file; one server at a time may write it.

    Requests that wait for `commit` at the same moment share one transaction.

    Args:
        file: made if it is missing.
        synchronous: NORMAL or FULL, see above.
        keep_s: closed sessions older than this are dropped when the file is opened.
        max_answers: how many answers to create and fork are kept.
        wait_s: how long to wait for another server, which may be about to stop, to let the file go.

    Raises:
        UsageError: if another server writes the file.
        JournalError: if it is no journal, of another format, or broken.
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
        self._lock = _lock(file, wait_s)
        try:
            self._db = _open_for_writing(file, synchronous)
            self.compact(time.time() - keep_s, max_answers)
        except BaseException:
            os.close(self._lock)
            raise
        self._pending: list[tuple[str, tuple[Any, ...]]] = []
        self._begin_anew = False  # the write-ahead log was long at the last checkpoint
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
        return records_of(self._db, "s.closed IS NULL AND e.episode = (" + _LAST_EPISODE + ")")

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
        moves what little came since, and begins it anew.

        Raises:
            JournalError: if the file cannot be written.
        """
        try:
            db = sqlite3.connect(self.file)
            try:
                self._num_commits = 0
                _, num_pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self._begin_anew = num_pages > _MAX_LOG_PAGES
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
            if self._begin_anew:
                self._begin_anew = False
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.file}: {error}") from error


_LAST_EPISODE = "SELECT MAX(episode) FROM episodes WHERE session = s.id"


def records_of(db: sqlite3.Connection, where: str, values: Sequence[Any] = ()) -> Iterator[SessionRecord]:
    """Read records of sessions `s` and their episodes `e`, one record an episode.

    Raises:
        JournalError: if a row cannot be read.
    """
    columns = (
        "s.id, s.incarnation, s.owner, s.env_id, s.version, s.fingerprint, s.kwargs, s.base_seed, "
        "s.keep_private, s.parent, e.episode, e.seed, e.options, e.reset_digest, e.final"
    )
    query = f"SELECT {columns} FROM sessions s JOIN episodes e ON e.session = s.id WHERE {where}"
    entries = (
        "SELECT t.session, t.episode, t.action, t.digest, t.reseed FROM entries t "
        "JOIN sessions s ON s.id = t.session JOIN episodes e ON e.session = s.id AND e.episode = t.episode "
        f"WHERE {where} ORDER BY t.number"
    )
    logs: dict[tuple[str, int], list[Entry]] = {}
    try:
        for session, episode, *entry in db.execute(entries, tuple(values)):
            logs.setdefault((session, episode), []).append(Entry(*entry))
        for row in db.execute(query + " ORDER BY s.created, s.id, e.episode", tuple(values)):
            yield _record(row, logs.get((row[0], row[10]), []))
    except (sqlite3.Error, orjson.JSONDecodeError) as error:
        raise JournalError(f"the journal cannot be read: {error}") from error


def _record(row: Sequence[Any], log: list[Entry]) -> SessionRecord:
    return SessionRecord(
        id=row[0],
        incarnation=row[1],
        owner=row[2],
        env_id=row[3],
        version=row[4],
        fingerprint=row[5],
        kwargs=orjson.loads(row[6]),
        base_seed=row[7],
        keep_private=bool(row[8]),
        parent=row[9],
        episode=row[10],
        seed=row[11],
        options=None if row[12] is None else orjson.loads(row[12]),
        reset_digest=row[13],
        final=row[14] or b"",
        log=log,
    )


def open_reader(file: Path) -> sqlite3.Connection:
    """Open a journal for reading, also while a server writes it.

    Raises:
        JournalError: if it is missing, no journal, or of another format.
    """
    if not file.is_file():
        parts = ", ".join(sorted(path.name for path in worker_journals(file)))
        hint = f"; there are those of workers: {parts}" if parts else ""
        raise JournalError(f"there is no journal {str(file)!r}{hint}")
    try:
        db = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        _check_format(db, file)
    except sqlite3.Error as error:
        raise JournalError(f"journal {str(file)!r}: {error}") from error
    return db


def _open_for_writing(file: Path, synchronous: str) -> sqlite3.Connection:
    fresh = not file.exists() or file.stat().st_size == 0
    try:
        db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        if fresh:
            _make(db)
        _check_format(db, file)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("PRAGMA wal_autocheckpoint=0")  # `checkpoint` does it, off the event loop
        return db
    except sqlite3.Error as error:
        raise JournalError(f"journal {str(file)!r}: {error}") from error


def _make(db: sqlite3.Connection) -> None:
    from .... import __version__

    db.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            db.execute(statement)
    rows = [("format", FORMAT), ("written_by", __version__)]
    db.executemany("INSERT INTO meta VALUES (?,?)", rows)
    db.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    db.execute("COMMIT")


def _check_format(db: sqlite3.Connection, file: Path) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise JournalError(f"{str(file)!r} is a database, but no turnwise journal")
    meta = dict(db.execute("SELECT key, value FROM meta"))
    if meta.get("format") != FORMAT:
        raise JournalError(
            f"journal {str(file)!r} has format {meta.get('format')}, this turnwise reads {FORMAT}: "
            f"read it with turnwise {meta.get('written_by')}, or start a new file"
        )


def _lock(file: Path, wait_s: float) -> int:
    """Take the lock of the one writer; it ends with the process, however that ends."""
    if not file.parent.is_dir():
        raise UsageError(f"journal {str(file)!r}: there is no folder {str(file.parent)!r}")
    handle = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up, told = time.monotonic() + wait_s, False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except OSError as error:
            if time.monotonic() >= give_up:
                os.close(handle)
                raise UsageError(f"journal {str(file)!r} is in use by another server") from error
        if not told:
            told = True
            log.warning("journal %s is in use; another server may be stopping: waiting %g s", file, wait_s)
        time.sleep(_LOCK_POLL_S)


def _outcome(write: Any, rows: list[tuple[str, tuple[Any, ...]]]) -> JournalError | None:
    try:
        write(rows)
    except JournalError as error:
        return error
    return None
