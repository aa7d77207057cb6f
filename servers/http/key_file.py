"""A key file that is read again when it changes, so that keys come and go while a server runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from ...errors import UsageError
from .keys import Keys

log = logging.getLogger("turnwise.servers")

LOOK_S = 1.0


class KeyFile(Keys):
    """The keys of a file as it stands, looked at once a second: by a server's clock, or with a request.

    A file that is gone, holds no key or has a wrong line changes nothing: the keys of before stay, and the
    log says why.

    Args:
        file: one key a line.

    Raises:
        UsageError: if it cannot be read or a line has another form.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._stamp, self._look_at = file, _stamp_of(file), time.monotonic() + LOOK_S
        self.accept: Callable[[Keys], None] = _accept  # raises UsageError where keys do not fit the server
        self._take(Keys.load(file))

    def look(self) -> None:
        """Read the file where it has changed, unless it was looked at a moment ago."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._read()

    def _hashed(self, header: bytes | None) -> bytes | None:
        self.look()
        return super()._hashed(header)

    def _read(self) -> None:
        stamp = _stamp_of(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = Keys.load(self._file)
            self.accept(found)
        except UsageError as error:
            log.warning("%s; the keys of before stay", error)
            return
        self._take(found)
        log.info("key file %s read again; keys: %s", self._file, str(found))


def _accept(_: Keys) -> None:
    """Take keys of any kind."""


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file does; None where it is gone."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
