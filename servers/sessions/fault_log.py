"""What environments raise, in the server's log: with its traceback the first time, then in one line.

After a few such lines from one place only the tenth, the hundredth and so on is logged: what fails
in every episode of a training would bury everything else.
"""

from __future__ import annotations

import hashlib
import logging
import traceback
from collections import Counter

from ...shown import visible
from ..isolation.faults import RemoteFault, reason_of

log = logging.getLogger("turnwise.servers")

_MAX_KNOWN = 1_000
_MAX_LINE_CHARS = 300
_EACH = 3


class FaultLog:
    """The log of faults; it counts them by the place that they came from."""

    def __init__(self) -> None:
        self._times: Counter[bytes] = Counter()

    def write(self, what: str, error: BaseException) -> None:
        """Log what happened and why; from a place that is known without the traceback."""
        place = _place(error)
        if place in self._times or len(self._times) < _MAX_KNOWN:
            self._times[place] += 1
        times = self._times[place]
        if times > 1:
            if times <= _EACH or str(times).strip("0") == "1":
                told = "" if times <= _EACH else f" ({times} times by now)"
                log.error("%s, as before%s: %s", what, told, visible(reason_of(error))[:_MAX_LINE_CHARS])
            return
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
