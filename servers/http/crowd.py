"""Who is connected: those who are known, and strangers, who make room when it gets crowded.

Nobody is known before the first request with a valid key (without keys: the first under
/v1), so that whoever only connects, says half of something or asks for /health, takes no
place from others for long. The system gives a process so many descriptors; a part of them
is kept for journals, workers and environments.
"""

from __future__ import annotations

import resource
from typing import Protocol

from ...errors import UsageError

__all__ = ["Crowd", "most_connections"]

MAX_STRANGE_SOCKETS = 64
_LEAST_RESERVE = 64
_UNLIMITED = 1 << 20


class Guest(Protocol):
    """One connection."""

    @property
    def is_socket(self) -> bool:
        """Tell whether it is a websocket."""
        ...

    @property
    def is_waiting(self) -> bool:
        """Tell whether it waits for its client, rather than works for it."""
        ...

    def send_away(self) -> None:
        """Hang up, at once."""
        ...


class Crowd:
    """The connections of one process.

    Args:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self.most, self.num = most, 0
        self._strangers: dict[Guest, None] = {}  # the oldest first
        self._sockets: dict[Guest, None] = {}

    def enter(self, guest: Guest) -> None:
        """Let a connection in; where there is no room, a stranger goes, the oldest first, itself last."""
        self.num += 1
        self._strangers[guest] = None
        if guest.is_socket:
            self._sockets[guest] = None
            if len(self._sockets) > MAX_STRANGE_SOCKETS:
                self._send_away(next(iter(self._sockets)))
        if self.num > self.most:
            waiting = (stranger for stranger in self._strangers if stranger.is_waiting)
            self._send_away(next(waiting, guest))

    def know(self, guest: Guest) -> None:
        """Take note that a connection is no stranger's."""
        self._strangers.pop(guest, None)
        self._sockets.pop(guest, None)

    def leave(self) -> None:
        """Take note that a connection has ended; `know` was called."""
        self.num -= 1

    def _send_away(self, guest: Guest) -> None:
        self.know(guest)
        guest.send_away()


def most_connections(asked: int) -> int:
    """Return how many connections a process may have.

    Args:
        asked: as many as the operator wants; 0 for as many as there is room for.

    Raises:
        UsageError: if there is no room for them.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    files = _UNLIMITED if files == resource.RLIM_INFINITY else files
    room = max(1, files - max(_LEAST_RESERVE, files // 8))
    if asked > room:
        raise UsageError(
            f"--max-connections {asked}: the system gives this process {files} descriptors, which is room "
            f"for {room}; raise them (ulimit -n) or ask for less"
        )
    return asked or room
