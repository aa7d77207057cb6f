"""The folder of a process that can be controlled.

    FOLDER/.control/lock         locked by the process for as long as it lives, see flock(2)
    FOLDER/.control/state.json   what it is, and whether it is paused
    FOLDER/.control/*.ask        requests that wait, each written whole; who asked is who owns the file
    FOLDER/control.jsonl         what was asked by whom and when, and what came of it

Whoever may write in the folder may ask. What is read here may be anybody's: it is bounded and checked.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...files import write_whole
from .wishes import KINDS, Kind, Wish

HIDDEN, LOG = ".control", "control.jsonl"
DONE = "done"
"""The state of what has come to an end that it was meant to have."""
MOST_WAITING, MOST_BYTES = 100, 4096
_MOST_READ = 1 << 18  # bytes of the log's end
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log.

    Args:
        id: of the request.
        at: when it was answered, UTC.
        who: the login name of who asked.
        pid: the process that asked.
        asked: what, as it is typed.
        done: whether it was.
        said: what came of it.
    """

    id: str
    at: str
    who: str
    pid: int
    asked: str
    done: bool
    said: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a process stands.

    Args:
        kind: what it is.
        pid: of the process that plays there, or did last.
        state: "going on", "paused", "stopping", "ended", or "done": at an end that it was meant to have.
        said: more about it.
        running: whether the process is there.
    """

    kind: Kind
    pid: int
    state: str
    said: str = ""
    running: bool = False


def standing(place: Path) -> Standing | None:
    """Return how the process of a folder stands; None where none was ever controlled."""
    found = read_small(place / HIDDEN / "state.json")
    if found is None or found.get("kind") not in KINDS or not isinstance(found.get("pid"), int):
        return None
    running = is_held(place)
    state = str(found.get("state", ""))[:40]
    if not running and state != DONE:
        state = "ended"
    return Standing(found["kind"], found["pid"], state, str(found.get("said", ""))[:300], running)


def write_standing(place: Path, now: Standing) -> None:
    """Write how a process stands."""
    write_whole(place / HIDDEN / "state.json", json.dumps(asdict(now)).encode() + b"\n")


def is_held(place: Path) -> bool:
    """Tell whether a process holds a folder."""
    try:
        lock = os.open(place / HIDDEN / "lock", _READ)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system that locks nothing
        return False
    finally:
        os.close(lock)
    return False


def ask(place: Path, wish: Wish) -> str:
    """Lay a request into a folder and return its id.

    Raises:
        UsageError: if too many wait, or nothing can be written there.
    """
    hidden = place / HIDDEN
    id = f"{time.time_ns():020d}-{os.getpid()}"
    try:
        if len(waiting(place)) >= MOST_WAITING:
            raise UsageError(f"{place}: {MOST_WAITING} requests wait already; the process takes none")
        document = {"word": wish.word, "limits": wish.limits, "pid": os.getpid()}
        write_whole(hidden / f"{id}.ask", json.dumps(document).encode() + b"\n")
    except OSError as error:
        raise UsageError(
            f"{hidden}: cannot be written: {error.strerror}; ask as who may write there"
        ) from error
    return id


def waiting(place: Path) -> list[Path]:
    """Return the requests that wait, the oldest first."""
    with os.scandir(place / HIDDEN) as found:
        names = [entry.name for entry in found if entry.name.endswith(".ask") and entry.name[0] != "."]
    return [place / HIDDEN / name for name in sorted(names)]


def entries(place: Path, most: int = 50) -> list[Entry]:
    """Return the last lines of the log, the oldest first; what is no line of it is left out."""
    found: list[Entry] = []
    for line in _tail(place / LOG).splitlines():
        try:
            row = json.loads(line)
            if isinstance(row, dict) and all(
                isinstance(row.get(each.name), _types(each.name)) for each in fields(Entry)
            ):
                found.append(Entry(**{each.name: row[each.name] for each in fields(Entry)}))
        except (ValueError, RecursionError):
            continue
    return found[-most:]


def append(place: Path, entry: Entry) -> None:
    """Write a line of the log.

    Raises:
        OSError: if that fails.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(place / LOG, flags, 0o644), "ab") as file:
        file.write(json.dumps(asdict(entry)).encode() + b"\n")


def read_small(path: Path) -> dict[str, Any] | None:
    """Return a small JSON object from a regular file; None where there is no such thing."""
    found = read_owned(path)
    return None if found is None else found[0]


def read_owned(path: Path) -> tuple[dict[str, Any], int] | None:
    """Return a small JSON object from a regular file and who owns it; None where there is no such thing."""
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            about = os.fstat(file.fileno())
            content = file.read(MOST_BYTES + 1)
        if not stat.S_ISREG(about.st_mode) or len(content) > MOST_BYTES:
            return None
        document = json.loads(content)
    except (OSError, ValueError, RecursionError):
        return None
    return (document, about.st_uid) if isinstance(document, dict) else None


def _types(name: str) -> type:
    return {"pid": int, "done": bool}.get(name, str)


def _tail(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _MOST_READ))
            return file.read(_MOST_READ)
    except OSError:
        return b""
