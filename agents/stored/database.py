"""The index of a folder of trajectories: one SQLite file, which can always be made again from them.

`rows` has a row a trajectory, `texts` what is searched in it (FTS5, https://www.sqlite.org/fts5.html;
a plain table where SQLite has none), `files` how far each file is taken in. It is written as
trajectories are, so that opening many takes no reading of them. An index that is broken, foreign or
of another version is thrown away.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import RLock

from .row import NAMES, Row

INDEX = "index.db"
_VERSION = 2
_WAIT_S = 10.0
_CACHE_KB = 1 << 16
_TYPES = {
    "REAL": ("score", "episode_return", "cost", "seconds"),
    "TEXT": ("file", "env", "task", "group", "end", "cause", "error", "session"),
}
_COLUMNS = ", ".join(
    f'"{name}" {next((kind for kind, names in _TYPES.items() if name in names), "INTEGER")}' for name in NAMES
)
_SCHEMA = {
    "files": "CREATE TABLE files (name TEXT PRIMARY KEY, taken INTEGER, size INTEGER, changed INTEGER, "
    "problem TEXT) STRICT, WITHOUT ROWID",
    "rows": f'CREATE TABLE rows (id INTEGER PRIMARY KEY, {_COLUMNS}, UNIQUE (file, "offset", line)) STRICT',
    "texts": "CREATE VIRTUAL TABLE texts USING fts5(content)",
    "rows_seed": "CREATE INDEX rows_seed ON rows (seed, env)",
    "rows_turns": "CREATE INDEX rows_turns ON rows (turns)",
    "rows_return": "CREATE INDEX rows_return ON rows (episode_return)",
    "rows_task": "CREATE INDEX rows_task ON rows (task)",
    "rows_cause": "CREATE INDEX rows_cause ON rows (cause)",
}
_PLAIN_TEXTS = "CREATE TABLE texts (content TEXT) STRICT"
_QUOTED = ", ".join(f'"{name}"' for name in NAMES)
_INSERT = f"INSERT INTO rows ({_QUOTED}) VALUES ({', '.join('?' * len(NAMES))})"


@dataclass(frozen=True, slots=True)
class FileState:
    """How far a file is taken in.

    Args:
        taken: bytes of it that the rows are of.
        size: of the file, in bytes, when that was so.
        changed: when it had been written last, in nanoseconds.
        problem: what could not be taken in; empty if nothing.
    """

    taken: int
    size: int
    changed: int
    problem: str = ""


class Database:
    """The index of one folder; safe between threads, and between processes where it is a file.

    Args:
        folder: of the trajectories; None keeps the index in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.lock = RLock()
        self.place = ":memory:" if folder is None else str(folder / INDEX)
        self._connection = self._opened(folder)
        self.searches_words = _has_words(self._connection)

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._connection.close()

    def ask(self, words: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the answer to a query."""
        with self.lock:
            return self._connection.execute(words, values).fetchall()

    def files(self) -> dict[str, FileState]:
        """Return how far each file is taken in, by name."""
        return {
            str(name): FileState(*state)  # type: ignore[arg-type]
            for name, *state in self.ask("SELECT name, taken, size, changed, problem FROM files")
        }

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Let what happens inside be in the index as a whole, or not at all."""
        with self.lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def forget(self, file: str) -> None:
        """Take out all rows of a file; inside `changing`."""
        run = self._connection.execute
        run("DELETE FROM texts WHERE rowid IN (SELECT id FROM rows WHERE file = ?)", (file,))
        run("DELETE FROM rows WHERE file = ?", (file,))
        run("DELETE FROM files WHERE name = ?", (file,))

    def supersede(self, row: Row) -> None:
        """Take out former attempts at the episode of a row, in the same file; inside `changing`."""
        same = 'file = ? AND env = ? AND seed = ? AND "group" = ? AND member = ?'
        for (id,) in self._connection.execute(
            f"SELECT id FROM rows WHERE {same}", (row.file, row.env, row.seed, row.group, row.member)
        ).fetchall():
            self._connection.execute("DELETE FROM texts WHERE rowid = ?", (id,))
            self._connection.execute("DELETE FROM rows WHERE id = ?", (id,))

    def add(self, row: Row, text: str) -> None:
        """Add a row; inside `changing`."""
        id = self._connection.execute(_INSERT, astuple(row)).lastrowid
        self._connection.execute("INSERT INTO texts (rowid, content) VALUES (?, ?)", (id, text))

    def note(self, file: str, state: FileState) -> None:
        """Note how far a file is taken in; inside `changing`."""
        self._connection.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", (file, *astuple(state))
        )

    def _opened(self, folder: Path | None) -> sqlite3.Connection:
        if folder is not None:
            with contextlib.suppress(sqlite3.OperationalError):  # not writable, or another process holds it
                try:
                    return _connected(self.place)
                except sqlite3.OperationalError:
                    raise
                except sqlite3.DatabaseError:  # broken, or of another version
                    _remove(folder)
                    return _connected(self.place)
        self.place = ":memory:"
        return _connected(self.place)


def _remove(folder: Path) -> None:
    for name in (INDEX, f"{INDEX}-wal", f"{INDEX}-shm"):
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def _connected(place: str) -> sqlite3.Connection:
    """Open an index, made if missing.

    Raises:
        sqlite3.DatabaseError: if it cannot be, or is not an index of this version.
    """
    connection = sqlite3.connect(place, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            _set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    found = dict(
        connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND substr(name, 1, 6) <> 'texts_'"
        )
    )
    if not found:
        for name, words in _SCHEMA.items():
            try:
                connection.execute(words)
            except sqlite3.OperationalError:
                if name != "texts":
                    raise
                connection.execute(_PLAIN_TEXTS)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    elif version != _VERSION or found not in (_SCHEMA, {**_SCHEMA, "texts": _PLAIN_TEXTS}):
        raise sqlite3.DatabaseError("not an index of this version")


def _has_words(connection: sqlite3.Connection) -> bool:
    (words,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'texts'").fetchone()
    return bool(words == _SCHEMA["texts"])
