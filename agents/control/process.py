"""The side of the process that plays: it holds its folder, takes requests and answers them in the log."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ...errors import UsageError
from .folder import DONE, HIDDEN, Entry, Standing, append, read_owned, standing, waiting, write_standing
from .wishes import Kind, Wish, read_wish

_TRIES, _PAUSE_S = 20, 0.1  # for a lock that whoever looks has for a moment, or whose holder is dying
_MOST_SAID = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was taken.

    Args:
        id: of the request.
        who: the login name of who asked.
        pid: the process that asked.
        wish: what is asked.
    """

    id: str
    who: str
    pid: int
    wish: Wish


class Control:
    """What is asked of this process through its folder.

    Args:
        place: the folder, which is held.
        kind: what is played there.
    """

    def __init__(self, place: Path, kind: Kind) -> None:
        self.place, self.kind = place, kind
        self._known = ""

    def take(self) -> list[Asked]:
        """Return what was asked since the last time; what cannot be asked is refused in the log."""
        try:
            found = waiting(self.place)
        except OSError:  # somebody has removed the folder of requests: there are none
            return []
        return [asked for path in found if (asked := self._taken(path)) is not None]

    def answer(self, asked: Asked, said: str, *, done: bool = True) -> None:
        """Write into the log what came of a request."""
        self._write(asked.id, asked.who, asked.pid, asked.wish.shown, said, done)

    def note(self, state: str, said: str = "") -> None:
        """Let those who look know how this process stands."""
        if self._known != state + said and (self.place / HIDDEN).is_dir():
            self._known = state + said
            try:
                write_standing(self.place, Standing(self.kind, os.getpid(), state, said))
            except OSError as error:  # of no consequence for what is played
                log.warning("%s: %s", self.place / HIDDEN, error)

    def note_end(self) -> None:
        """Let those who look know that it has ended, where it was not done."""
        if not self._known.startswith(DONE):
            self.note("ended")

    def leave(self, said: str) -> None:
        """Answer what nobody will take any more."""
        for asked in self.take():
            self.answer(asked, said, done=False)

    def _taken(self, path: Path) -> Asked | None:
        found = read_owned(path)
        try:
            path.unlink()
        except OSError as error:
            log.warning("%s cannot be removed, and is passed over: %s", path, error)
            return None
        document, owner = found or ({}, os.getuid())
        who, given = _login(owner), document.get("pid")
        pid = given if isinstance(given, int) else 0
        limits = document.get("limits")
        try:
            if found is None or not isinstance(limits, dict):
                raise UsageError("is not a request")
            wish = read_wish(str(document.get("word")), limits, self.kind)
        except UsageError as error:
            self._write(path.stem[:60], who, pid, str(document.get("word"))[:40], str(error), False)
            return None
        return Asked(path.stem[:60], who, pid, wish)

    def _write(self, id: str, who: str, pid: int, asked: str, said: str, done: bool) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            append(self.place, Entry(id, at, who, pid, asked, done, said[:_MOST_SAID]))
        except OSError as error:
            log.warning("what was asked by %s (%s) is not in the log: %s", who, asked, error)


@contextmanager
def hold(place: Path, kind: Kind) -> Iterator[Control]:
    """Hold a folder, so that one process plays there, and take what is asked of it.

    Raises:
        UsageError: if another process holds it.
    """
    hidden = place / HIDDEN
    hidden.mkdir(parents=True, exist_ok=True)
    lock = os.open(hidden / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        _lock(lock, place)
        control = Control(place, kind)
        control.leave("the process that was asked had ended")
        control.note("going on")
        try:
            yield control
        finally:
            control.leave("it ended before it could")
            control.note_end()
    finally:
        os.close(lock)


def _lock(lock: int, place: Path) -> None:
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise
            except OSError as error:
                log.warning(
                    "%s: this file system locks nothing (%s), so it cannot be controlled", place, error
                )
            return
        time.sleep(_PAUSE_S)
    found = standing(place)
    process = f"process {found.pid}" if found else "another process"
    raise UsageError(f"{place}: {process} plays here already; `turnwise control {place} stop` ends it")


def _login(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
