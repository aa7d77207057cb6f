"""What is deleted from a journal: rows of sessions that were closed long ago, or that came back."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from .format import open_reader
from .records import JournalError

MAX_SESSIONS = 500  # of one look through the entries, which have no index
_DROP_ENTRY = "DELETE FROM entries WHERE number=?"
_DROP_EPISODES = "DELETE FROM episodes WHERE session=?"
_DROP_SESSION = "DELETE FROM sessions WHERE id=?"

Rows = list[tuple[str, tuple[Any, ...]]]


def old_rows(file: Path, keep_s: float) -> Rows:
    """Find what to delete of some sessions that were closed longer than `keep_s` seconds ago.

    Raises:
        JournalError: if the file cannot be read.
    """
    sessions = "SELECT id FROM sessions WHERE closed < ? LIMIT ?"
    try:
        with closing(open_reader(file)) as db:
            ids = [id for (id,) in db.execute(sessions, (time.time() - keep_s, MAX_SESSIONS))]
    except sqlite3.Error as error:
        raise JournalError(f"journal {file}: {error}") from error
    return rows_of(file, ids)


def rows_of(file: Path, ids: Sequence[str]) -> Rows:
    """Find what to delete so that nothing is left of some sessions.

    Raises:
        JournalError: if the file cannot be read.
    """
    if not ids:
        return []
    places = ",".join("?" * len(ids))
    try:
        with closing(open_reader(file)) as db:
            entries = f"SELECT number FROM entries WHERE session IN ({places})"
            numbers = db.execute(entries, list(ids)).fetchall()
    except sqlite3.Error as error:
        raise JournalError(f"journal {file}: {error}") from error
    return [
        *[(_DROP_ENTRY, number) for number in numbers],
        *[(_DROP_EPISODES, (id,)) for id in ids],
        *[(_DROP_SESSION, (id,)) for id in ids],
    ]
