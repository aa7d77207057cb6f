"""What environments raise, in the server's log: with its traceback the first time, then in one line."""

from __future__ import annotations

import hashlib
import logging
import traceback

from ...shown import visible
from ..isolation.faults import RemoteFault, reason_of

log = logging.getLogger("turnwise.servers")

_MAX_KNOWN = 1_000
_MAX_LINE_CHARS = 300


class FaultLog:
    """The log of faults; it knows the places from which a traceback was shown."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def write(self, what: str, error: BaseException) -> None:
        """Log what happened and why; from a place that is known without the traceback."""
        place = _place(error)
        if place in self._known:
            log.error("%s, as before: %s", what, visible(reason_of(error))[:_MAX_LINE_CHARS])
            return
        if len(self._known) < _MAX_KNOWN:
            self._known.add(place)
        log.error("%s", what, exc_info=error)
        if isinstance(error, RemoteFault):
            log.error("in its process:\n%s", error.trace)


def _place(error: BaseException) -> bytes:
    """Return a hash of the lines that an error came through."""
    if isinstance(error, RemoteFault):
        frames = [line for line in error.trace.splitlines() if line.lstrip().startswith("File ")]
    else:
        cause = error.__cause__ or error
        frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(cause.__traceback__)]
    return hashlib.blake2b("\n".join([type(error).__name__, *frames]).encode(), digest_size=16).digest()
