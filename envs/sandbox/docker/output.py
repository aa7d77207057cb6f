"""What a command wrote, held to a limit: the beginning and the end, never cut inside a character."""

from __future__ import annotations


class Output:
    """Bytes of a stream of any length in bounded memory; what does not fit is left out of the middle.

    Args:
        limit: bytes kept, half of them from the beginning.
    """

    def __init__(self, limit: int) -> None:
        self._head_limit = limit - limit // 2
        self._tail_limit = limit // 2
        self._head, self._tail = bytearray(), bytearray()
        self._dropped = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk
        if (over := len(self._tail) - self._tail_limit) > self._tail_limit:  # seldom, so that it is cheap
            del self._tail[:over]
            self._dropped += over

    def data(self) -> bytes:
        """Return the bytes that were kept, without a word where some are missing."""
        return bytes(self._head + self._tail[max(0, len(self._tail) - self._tail_limit) :])

    def text(self) -> tuple[str, int]:
        """Return what was kept, UTF-8 with replacement, and how many bytes were left out."""
        head, tail, dropped = bytes(self._head), bytes(self._tail), self._dropped
        if (over := len(tail) - self._tail_limit) > 0:
            tail, dropped = tail[over:], dropped + over
        if not dropped:
            return (head + tail).decode("utf-8", "replace"), 0
        whole = head[: len(head) - _unfinished(head)]
        rest = tail[_continued(tail) :]
        left_out = dropped + len(head) - len(whole) + len(tail) - len(rest)
        return whole.decode("utf-8", "replace") + rest.decode("utf-8", "replace"), left_out


def _unfinished(data: bytes) -> int:
    """Count the bytes at the end that begin a character of UTF-8 without finishing it."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 2 if byte >> 5 == 6 else 3 if byte >> 4 == 14 else 4 if byte >> 3 == 30 else 1
        return back if length > back else 0
    return 0


def _continued(data: bytes) -> int:
    """Count the bytes at the beginning that go on with a character, at most three."""
    count = 0
    while count < min(3, len(data)) and data[count] & 0xC0 == 0x80:
        count += 1
    return count
