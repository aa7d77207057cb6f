"""A socket that listens on the loopback of a pod, for the server to hold: it stays in the pod's network."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from typing import Any

from . import kernel
from .entering import forget_the_parent
from .tasks import Ended

_WAITING = 64


def listen(pod: int, port: int) -> Generator[Any, Any, int]:
    """Return the socket; a child makes it, since without root there is no way back into this network."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pid = os.fork()
        if not pid:
            _make(pod, port, theirs)
        status = yield Ended(pid)
        if status:
            raise OSError(f"nothing can listen on the loopback of the box (status {status})")
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        return fds[0]


def _make(pod: int, port: int, theirs: socket.socket) -> None:
    """Make the socket and send it; never returns."""
    try:
        forget_the_parent()
        kernel.setns(pod, kernel.CLONE_NEWNET)
        line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        line.bind(("127.0.0.1", port))
        line.listen(_WAITING)
        socket.send_fds(theirs, [b"1"], [line.fileno()])
        os._exit(0)
    finally:
        os._exit(1)
