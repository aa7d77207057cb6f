"""Frames: how processes of ours say much to each other over one connection.

A frame is its length (4 bytes), the number of the call (8 bytes) and the content.
A call's content is a JSON list that begins with the name of the call and the key, evaluation or
not; an answer's is status, whether it is a problem, the seconds of Retry-After (-1: none), and the
body. Many calls are under way on one connection, and those of one turn of the
event loop leave in one write: that is what makes a forwarded step cheap.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from typing import cast

from ..protocol.problems import PROBLEM_TYPE
from .messages import JSON_TYPE, Response

MAX_FRAME_BYTES = 256 << 20
_HEAD = struct.Struct("!IQ")
_ANSWER = struct.Struct("!H?d")
_LENGTH = struct.Struct("!I")


class Frames(asyncio.Protocol):
    """A protocol that cuts what arrives into frames."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """Cut; whoever says that more is to come than a frame may hold is hung up on."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _HEAD.size:
            length, number = _HEAD.unpack_from(buffer, start)
            if length > MAX_FRAME_BYTES:
                self.hang_up()
                return
            end = start + _HEAD.size + length
            if len(buffer) < end:
                break
            self.framed(number, bytes(buffer[start + _HEAD.size : end]))
            start = end
        if start:
            del buffer[:start]

    def framed(self, number: int, content: bytes) -> None:
        """Take a frame."""
        raise AssertionError("each end takes frames of its own kind")

    def send(self, number: int, content: bytes) -> None:
        """Send a frame, unless the other end is gone."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(_HEAD.pack(len(content), number) + content)

    def hang_up(self) -> None:
        """End the connection, at once."""
        if self.transport is not None:
            self.transport.abort()


def pack_answer(answer: Response) -> bytes:
    """Encode an answer as the content of a frame."""
    wait_s = -1.0 if answer.retry_after_s is None else answer.retry_after_s
    return _ANSWER.pack(answer.status, answer.media_type == PROBLEM_TYPE, wait_s) + answer.body


def unpack_answer(content: bytes) -> Response:
    """Undo `pack_answer`."""
    status, is_problem, retry_after_s = _ANSWER.unpack_from(content)
    media_type = PROBLEM_TYPE if is_problem else JSON_TYPE
    return Response(status, content[_ANSWER.size :], media_type, None if retry_after_s < 0 else retry_after_s)


def pack_rows(rows: Sequence[bytes]) -> bytes:
    """Join encoded rows so that they can be told apart without being decoded."""
    return b"".join([_LENGTH.pack(len(row)) + row for row in rows])


def unpack_rows(body: bytes) -> list[bytes]:
    """Undo `pack_rows`."""
    rows, start = [], 0
    while start < len(body):
        (length,) = _LENGTH.unpack_from(body, start)
        start += _LENGTH.size
        rows.append(body[start : start + length])
        start += length
    return rows
