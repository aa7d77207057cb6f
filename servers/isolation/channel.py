"""The server's end of the line to a process that keeps environments.

A message is four bytes of length and then its bytes. Nothing that the other end
does holds the server for longer or makes it keep more than it has said.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

_CHUNK_BYTES = 1 << 16
_HANGUP = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


class Channel:
    """A line for messages to one process and back.

    Args:
        connected: the line.
        unwrap: takes off what somebody between packs around the bytes that arrive.
    """

    def __init__(self, connected: socket.socket, unwrap: Callable[[bytes], bytes] | None = None) -> None:
        self._socket, self._unwrap = connected, unwrap
        self._received = bytearray()

    @property
    def at_end(self) -> bool:
        """Tell whether the other end is gone; any thread may ask at any time."""
        descriptor = self._socket.fileno()
        if descriptor < 0:
            return True
        poll = select.poll()
        poll.register(descriptor, _HANGUP)
        return any(events & (_HANGUP | select.POLLNVAL) for _, events in poll.poll(0))

    def ask(self, message: bytes, max_bytes: int, timeout_s: float | None) -> bytes:
        """Send a message and return the answer to it.

        Raises:
            TimeoutError: if that takes longer than `timeout_s`.
            EOFError: if the other end is gone.
            OSError: if it is gone, or its answer is longer than `max_bytes`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.tell(message, timeout_s)
        size = int.from_bytes(self._take(4, deadline), "big")
        if size > max_bytes:
            raise OSError(f"an answer of {size} bytes; expected at most {max_bytes}")
        return self._take(size, deadline)

    def tell(self, message: bytes, timeout_s: float | None) -> None:
        """Send a message that has no answer; see `ask`."""
        self._socket.settimeout(timeout_s)
        self._socket.sendall(len(message).to_bytes(4, "big") + message)

    def close(self) -> None:
        """Close the line; the process at its other end ends."""
        self._socket.close()

    def _take(self, size: int, deadline: float | None) -> bytes:
        while len(self._received) < size:
            if deadline is not None:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                self._socket.settimeout(left_s)
            chunk = self._socket.recv(_CHUNK_BYTES)
            if not chunk:
                raise EOFError
            self._received += chunk if self._unwrap is None else self._unwrap(chunk)
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken
