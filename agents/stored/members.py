"""The lines of a gzip file with the places where its members begin (RFC 1952, 2.2)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...errors import UsageError
from ..trajectories import MAX_LINE_BYTES

_CHUNK_BYTES = 1 << 18
_MAX_OUT_BYTES = 1 << 22  # unpacked at once
_GZIP = 31  # window bits of zlib that ask for a gzip header


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number in the member that begins at `offset`, and what it holds."""

    offset: int
    number: int
    content: bytes


class Members:
    """A walk over a file, line by line.

    Args:
        path: the file.
        start: where a member begins.

    Attributes:
        end: behind the last member that is whole.
        problem: what ended the walk before the file did; empty if nothing did.
        cut: whether that is the end of the file, in the middle of a member.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path = path
        self.end = start
        self.problem = ""
        self.cut = False

    def __iter__(self) -> Iterator[Line]:
        """Walk; what is broken ends the walk and is told in `problem`."""
        try:
            with self._path.open("rb") as file:
                file.seek(self.end)
                yield from self._members(file)
        except (OSError, zlib.error) as error:
            self.problem = f"at byte {self.end}: {error}"

    def _members(self, file: BinaryIO) -> Iterator[Line]:
        rest = file.read(_CHUNK_BYTES)
        while rest:
            offset, unpacker = self.end, zlib.decompressobj(_GZIP)
            taken, number, line = 0, 0, bytearray()
            while not unpacker.eof:
                if not rest:
                    self.cut, self.problem = True, f"at byte {offset}: ends in the middle of an episode"
                    return
                taken += len(rest)
                line += unpacker.decompress(rest, _MAX_OUT_BYTES)
                rest = unpacker.unconsumed_tail
                taken -= len(rest)
                rest = rest or (b"" if unpacker.eof else file.read(_CHUNK_BYTES))
                *whole, remains = line.split(b"\n") if b"\n" in line else (line,)
                for content in whole:
                    yield Line(offset, number, bytes(content) + b"\n")
                    number += 1
                line = bytearray(remains)
                if len(line) > MAX_LINE_BYTES:
                    self.problem = f"at byte {offset}: a line is longer than {MAX_LINE_BYTES} bytes"
                    return
            taken -= len(unpacker.unused_data)
            rest = unpacker.unused_data or file.read(_CHUNK_BYTES)
            if line:
                self.problem = f"at byte {offset}: the line is cut off"
                return
            self.end = offset + taken


def read_line(path: Path, offset: int, number: int) -> bytes:
    """Return one line of a file.

    Args:
        path: the file.
        offset: where its member begins.
        number: of the line in the member.

    Raises:
        UsageError: if there is none, with the file and the reason.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            with gzip.GzipFile(fileobj=file) as lines:
                for _ in range(number):
                    lines.readline(MAX_LINE_BYTES)
                content = lines.readline(MAX_LINE_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}, at byte {offset}: {error}; it has changed since, open it again") from error
    if not content:
        raise UsageError(f"{path}, at byte {offset}: there is no line {number}; open it again")
    return content
