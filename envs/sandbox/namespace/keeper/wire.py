"""Messages between the server and the keeper: one datagram each, large parts in a memory file beside it.

A message is a JSON object; its bytes (a file, an output) follow it in the datagram if they are few, and
else lie in the first descriptor that comes with it.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

_INLINE = 48_000
_LARGEST = 150_000
_NUM_DESCRIPTORS = 8


class TooLong(ValueError):
    """A message that no datagram holds."""


def memory_file(data: bytes | memoryview) -> int:
    """Return a descriptor of an unnamed file with these bytes, at its start."""
    fd = os.memfd_create("turnwise")
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def send(sock: socket.socket, message: dict[str, Any], body: bytes = b"", fds: tuple[int, ...] = ()) -> None:
    """Send one message; its descriptors may be closed afterwards.

    Raises:
        TooLong: if the message without its body is longer than a datagram may be.
        OSError: if the other end is gone.
    """
    held = memory_file(body) if len(body) > _INLINE else -1
    if held >= 0:
        message, body, fds = {**message, "size": len(body)}, b"", (held, *fds)
    head = json.dumps(message).encode()
    if len(head) > _LARGEST:
        raise TooLong(f"a message of {len(head)} bytes; at most {_LARGEST} fit")
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        sock.sendmsg([struct.pack("<I", len(head)), head, body], rights)
    finally:
        if held >= 0:
            os.close(held)


def receive(sock: socket.socket) -> tuple[dict[str, Any], bytes, list[int]] | None:
    """Wait for one message; None at the end. A body that came as a file is read."""
    room = socket.CMSG_SPACE(_NUM_DESCRIPTORS * 4)
    data, rights, _, _ = sock.recvmsg(_LARGEST + _INLINE + 8, room, socket.MSG_CMSG_CLOEXEC)
    if not data:
        return None
    fds = array.array("i")
    for level, kind, value in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(value[: len(value) - len(value) % 4])
    length = struct.unpack_from("<I", data)[0]
    message = json.loads(data[4 : 4 + length])
    body, held = data[4 + length :], list(fds)
    if "size" in message:
        body = read_all(held.pop(0), message["size"])
    return message, body, held


def read_all(fd: int, size: int) -> bytes:
    """Read a file from its start and close it."""
    try:
        parts, at = [], 0
        while at < size and (part := os.pread(fd, min(size - at, 1 << 24), at)):
            parts.append(part)
            at += len(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def unpacked(body: bytes) -> Iterator[tuple[str, memoryview]]:
    """Yield the files of a body: length of the index, the index of names and sizes, the bytes."""
    length = struct.unpack_from("<I", body)[0]
    at, view = 4 + length, memoryview(body)
    for name, size in json.loads(body[4:at]):
        yield name, view[at : at + size]
        at += size
