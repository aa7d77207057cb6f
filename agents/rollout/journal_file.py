"""The file of a rollout journal: lines that are appended, each sealed by a checksum.

    CRC32 NUMBER {"said": ...}

The first line says what the turns were played for and with which weights; NUMBER is that of the episode. A
process that is killed leaves at most its last write torn: what is whole before that is read, and the rest is
cut off before anything follows. Nothing is forced to disk, which a killed process does not need; what a
power failure takes is a torn end like any other.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

log = logging.getLogger(__name__)

_MAX_LINE_BYTES = 1 << 26
_HEADER = 0  # the number of the first line; episodes count from 1


@dataclass(frozen=True, slots=True)
class Found:
    """What is whole in a file.

    Args:
        header: what its turns depend on.
        records: the number of an episode, and what is told of it, in the order in which it was written.
        num_bytes: how long it is together.
        torn: whether more follows, which is not whole.
    """

    header: dict[str, Any]
    records: list[tuple[int, bytes]]
    num_bytes: int
    torn: bool


def read(path: Path) -> Found | None:
    """Return what is whole in a file; None if it is missing, or not even its header is.

    Raises:
        OSError: if it cannot be read.
    """
    if not path.is_file():
        return None
    records: list[tuple[int, bytes]] = []
    num_bytes = 0
    with path.open("rb") as file:
        while (record := _opened(file.readline(_MAX_LINE_BYTES))) is not None:
            records.append(record)
            num_bytes = file.tell()
        file.seek(0, os.SEEK_END)
        torn = file.tell() > num_bytes
    if not records or records[0][0] != _HEADER:
        return None
    header = orjson.loads(records[0][1])
    return Found(header, records[1:], num_bytes, torn) if isinstance(header, dict) else None


def _opened(line: bytes) -> tuple[int, bytes] | None:
    """Return number and content of a line; None if it is not whole."""
    seal, _, rest = line.partition(b" ")
    number, _, content = rest.partition(b" ")
    whole = line.endswith(b"\n") and seal == _seal(rest[:-1]) and number.isdigit()
    return (int(number), content[:-1]) if whole else None


def _seal(content: bytes) -> bytes:
    return b"%08x" % crc32(content)


class JournalFile:
    """A file to which the turns of one rollout are appended; one that fails says so once and takes no more.

    A rollout never stops for its journal: on a full disk, or at its bound, what follows is not kept.

    Args:
        path: where.
        header: what the turns depend on, written into a new file.
        most_bytes: how long it may get.
        whole_bytes: how much of it was read and stays; 0 begins anew.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], most_bytes: int, whole_bytes: int = 0) -> None:
        self._path, self._most_bytes, self._num_bytes = path, most_bytes, whole_bytes
        self._lines: list[bytes] = []
        self._due = False
        self._file = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.ftruncate(self._file, whole_bytes)
        except OSError as error:
            self._fail(f"cannot be written: {error.strerror}")
        if not whole_bytes:
            self._add(_HEADER, orjson.dumps(dict(header)))
            self.flush()

    def append(self, number: int, content: bytes) -> None:
        """Append what is told of an episode, before the event loop does anything that was asked later.

        All that is appended in one turn of the loop, a batch in lock-step, is one write.
        """
        if self._file < 0:
            return
        self._add(number, content)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what was appended."""
        self._due = False
        content, self._lines = b"".join(self._lines), []
        if self._file < 0 or not content:
            return
        if self._num_bytes + len(content) > self._most_bytes:
            self._fail(f"has reached its bound of {self._most_bytes / 1e6:.0f} MB (log.turns_mb)")
            return
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            os.ftruncate(self._file, self._num_bytes)
            self._fail(f"cannot be written: {error.strerror}")
            return
        self._num_bytes += len(content)

    def close(self) -> None:
        """Write what was appended, and close it."""
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _add(self, number: int, content: bytes) -> None:
        sealed = b"%d %s" % (number, content)
        self._lines.append(b"%s %s\n" % (_seal(sealed), sealed))

    def _fail(self, why: str) -> None:
        log.warning(
            "%s %s: turns that follow are not kept, and would be played again after a kill", self._path, why
        )
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._lines = []
