"""Commits of a write-ahead log that SQLite does not read.

SQLite ends a log at the first frame whose checksum is wrong, and says nothing of what
came after it. The form is in https://www.sqlite.org/fileformat2.html#walformat: a header
of 32 bytes, then frames of 24 bytes and a page each; frames of the present generation
have the two salts of the header, and the last frame of a commit tells the database's size.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal

_HEADER_BYTES = 32
_FRAME_BYTES = 24


def commits_of(file: Path) -> list[int]:
    """Return the numbers, from 1, of the frames that end a commit in a database's log, readable or not."""
    log = file.with_name(file.name + "-wal")
    if not log.exists() or not file.stat().st_size:
        return []
    with file.open("rb") as database:
        page_bytes = int.from_bytes(database.read(18)[16:18], "big")
    with log.open("rb") as frames:
        return _commits(frames, 65536 if page_bytes == 1 else page_bytes, log.stat().st_size)


def _commits(log: BinaryIO, page_bytes: int, num_bytes: int) -> list[int]:
    header = log.read(_HEADER_BYTES)
    heads = []
    for start in range(_HEADER_BYTES, num_bytes - _FRAME_BYTES - page_bytes + 1, _FRAME_BYTES + page_bytes):
        log.seek(start)
        heads.append(log.read(_FRAME_BYTES))
    if not heads:
        return []
    salts = header[16:24] if _is_whole(header) else heads[0][8:16]
    return [number for number, head in enumerate(heads, 1) if head[8:16] == salts and any(head[4:8])]


def _is_whole(header: bytes) -> bool:
    """Tell whether the checksum of a log's header is right."""
    order: Literal["big", "little"] = "big" if header[3] & 1 else "little"
    one = two = 0
    for start in range(0, 24, 8):
        one += int.from_bytes(header[start : start + 4], order) + two
        two += int.from_bytes(header[start + 4 : start + 8], order) + one
    found = (one % 2**32).to_bytes(4, "big") + (two % 2**32).to_bytes(4, "big")
    return header[24:32] == found
