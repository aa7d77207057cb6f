"""A socket that listens on the loopback of another process's network, held by this process.

A socket stays in the network in which it was made, whoever holds it. So nothing has to run in the box, and
nothing of the box can be in the way. Source: network_namespaces(7).
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from ..errors import SandboxError

PORT = 3128
"""Where the proxy listens in every box."""

_WAITING = 64


def listen() -> socket.socket:
    """Return a listening socket of the network that this thread is in."""
    line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind(("127.0.0.1", PORT))
        line.listen(_WAITING)
    except BaseException:
        line.close()
        raise
    return line


def listen_at(pid: int) -> socket.socket:
    """Return a listening socket of the network that a process is in.

    Raises:
        SandboxError: if this process may not enter it, or it is this one's own.
    """
    made: list[socket.socket | OSError] = []
    thread = threading.Thread(target=lambda: made.append(_made(pid)))  # ends in that network, and is gone
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise SandboxError(
            f"network with a list of hosts: the network of the box cannot be entered ({made[0]}); expected "
            "a server that is root, on the machine of the Docker engine; the namespace backend needs neither"
        ) from made[0]
    return made[0]


def _made(pid: int) -> socket.socket | OSError:
    from ..namespace.keeper import kernel  # Linux alone has it

    try:
        if Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            return OSError(f"process {pid} is in the network of this machine")
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            kernel.setns(fd, kernel.CLONE_NEWNET)
        finally:
            os.close(fd)
        return listen()
    except OSError as error:
        return error
