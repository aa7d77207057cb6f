"""The file of a durable journal: one SQLite file in WAL mode, opened, and read back.

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
  notes     number, run, kind, document (JSON): what has happened in hosted runs, in order
  moves     session, hop, state (here, leaving, left, refused), server, owner, made: of sessions
            that came from, or went to, another server

A digest is BLAKE2b with 16 bytes over the reply as sent, without `id` and
`incarnation`. Rule for other formats: a file of another format is refused,
never converted in place; `turnwise` of the version in `written_by` reads it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from ....errors import UsageError
from .files import worker_journals
from .records import Entry, JournalError, NoJournal, SessionRecord

log = logging.getLogger("turnwise.servers")

FORMAT = "1"
_APPLICATION_ID = 0x7475726E  # "turn", so that `file` and we know it
_LOCK_POLL_S = 0.05
_MAX_CHECKED_BYTES = 256 << 20  # a larger file takes too long to be looked through at each start
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
_NOTES = """
CREATE TABLE IF NOT EXISTS notes (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL, kind TEXT NOT NULL, document TEXT NOT NULL
)
"""
_MOVES = """
CREATE TABLE IF NOT EXISTS moves (
    session TEXT PRIMARY KEY, hop INTEGER NOT NULL, state TEXT NOT NULL, server TEXT NOT NULL,
    owner TEXT NOT NULL, made REAL NOT NULL
) WITHOUT ROWID
"""
LAST_EPISODE = "SELECT MAX(episode) FROM episodes WHERE session = s.id"


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


def notes_of(db: sqlite3.Connection) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Read what was noted of hosted runs, in order: run, kind, document.

    Raises:
        JournalError: if a row cannot be read.
    """
    try:
        known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchone()
        rows = db.execute("SELECT run, kind, document FROM notes ORDER BY number") if known else ()
        for run, kind, document in rows:
            yield run, kind, orjson.loads(document)
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
        NoJournal: if it is missing, or no journal.
        JournalError: if it is of another format, or cannot be read.
    """
    if not file.is_file():
        parts = ", ".join(sorted(path.name for path in worker_journals(file)))
        hint = f"; there are those of workers: {parts}" if parts else ""
        raise NoJournal(f"there is no journal {str(file)!r}{hint}")
    try:
        db = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        _check_format(db, file)
    except sqlite3.Error as error:
        raise _failure(file, error) from error
    return db


def open_for_writing(file: Path, synchronous: str) -> sqlite3.Connection:
    """Open a journal for its one writer, made if it is missing.

    Raises:
        NoJournal: if it is another kind of file.
        JournalError: if it is of another format, or broken.
    """
    fresh = not file.exists() or file.stat().st_size == 0
    try:
        db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        if fresh:
            _make(db)
        _check_format(db, file)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(_NOTES)
        db.execute(_MOVES)
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("PRAGMA wal_autocheckpoint=0")  # `checkpoint` does it, off the event loop
        if file.stat().st_size <= _MAX_CHECKED_BYTES:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(f"it is damaged: {found}")
        return db
    except sqlite3.Error as error:
        raise _failure(file, error) from error


def _failure(file: Path, error: sqlite3.Error) -> JournalError:
    kind = NoJournal if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB" else JournalError
    return kind(f"journal {str(file)!r}: {error}")


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
        raise NoJournal(f"{str(file)!r} is a database, but not a journal of turnwise")
    meta = dict(db.execute("SELECT key, value FROM meta"))
    if meta.get("format") != FORMAT:
        raise JournalError(
            f"journal {str(file)!r} has format {meta.get('format')}, this turnwise reads {FORMAT}: "
            f"read it with turnwise {meta.get('written_by')}, or start a new file"
        )


def lock(file: Path, wait_s: float) -> int:
    """Take the lock of the one writer, made if it is missing; it ends with the process, however that ends.

    The lock is on the file itself, so that other names of it are locked too.

    Raises:
        UsageError: if another server has it.
        JournalError: if the file cannot be opened.
    """
    if not file.parent.is_dir():
        raise UsageError(f"journal {str(file)!r}: there is no folder {str(file.parent)!r}")
    deadline, warned = time.monotonic() + wait_s, False
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"journal {str(file)!r}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if time.monotonic() >= deadline:
                raise UsageError(f"journal {str(file)!r} is in use by another server") from error
        else:
            if is_still(file, handle):
                return handle
            os.close(handle)  # moved away since it was opened
            continue
        if not warned:
            warned = True
            log.warning("journal %s is in use; another server may be stopping: waiting %g s", file, wait_s)
        time.sleep(_LOCK_POLL_S)


def is_still(file: Path, handle: int) -> bool:
    """Tell whether a file that was opened has its name still."""
    try:
        return os.path.samestat(file.stat(), os.fstat(handle))
    except OSError:
        return False
