"""How a process that keeps environments is started and killed, and how it is reached.

This is all in which the ways of isolation that use processes differ.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from .channel import Channel


class Launched(Protocol):
    """A process that keeps environments."""

    channel: Channel

    def kill(self) -> str:
        """Kill it, if it has not ended yet, and say how it ended."""
        ...


class Launcher(Protocol):
    """A way to start processes that keep environments."""

    setup: dict[str, Any]
    """What the process is told first: `path` of its imports, if it has none, and `memory_bytes`."""

    def launch(self) -> Launched:
        """Start one.

        Raises:
            OSError: if it cannot be started.
        """
        ...

    def close(self) -> None:
        """Release what was needed to start them; they may still be killed."""
        ...


class ProcessLauncher:
    """A launcher of processes on this machine.

    Args:
        memory_bytes: how much address space each may take; 0 is no limit.
    """

    def __init__(self, memory_bytes: int = 0) -> None:
        self.setup = {"path": sys.path, "memory_bytes": memory_bytes}
        self._folder = Path.cwd()  # where relative names of files begin, whatever environments do

    def launch(self) -> Launched:
        """Start one."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                return _Process(Channel(ours), theirs.fileno(), self._folder)
            except OSError:
                ours.close()
                raise

    def close(self) -> None:
        """Release nothing."""


class _Process:
    def __init__(self, channel: Channel, descriptor: int, folder: Path) -> None:
        self.channel = channel
        self._process = subprocess.Popen(
            [sys.executable, "-m", "turnwise.servers.isolation.env_process", str(descriptor)],
            pass_fds=[descriptor],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the server, which ends its processes itself
        )

    def kill(self) -> str:
        """Kill the process and all that it has started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return f"code {self._process.wait()}"
