"""Processes of `turnwise router`, for what measures it and what kills it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["RouterProcess"]

_START_S = 180.0


class RouterProcess:
    """A router in front of servers, started, killed and started again on the same port.

    Args:
        urls: where the servers are.
        more: further arguments of `turnwise router`.
    """

    def __init__(self, urls: Sequence[str], more: Sequence[str] = ()) -> None:
        self._arguments = [word for url in urls for word in ("--server", url)] + list(more)
        self._folder = tempfile.TemporaryDirectory()
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.log_file = Path(self._folder.name) / "router.log"

    @property
    def pid(self) -> int:
        """Return the process id."""
        assert self._process is not None, "the router was not started"
        return self._process.pid

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> RouterProcess:
        """Start it, and wait until it answers."""
        port_file = Path(self._folder.name) / "port"
        port_file.unlink(missing_ok=True)
        words = ["--port", str(self._port), "--port-file", str(port_file), "--until-eof", *self._arguments]
        with self.log_file.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "turnwise", "router", *words],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        deadline = time.monotonic() + _START_S
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the router did not start:\n{self.log_file.read_text()[-4000:]}")
            time.sleep(0.05)
        self._port = int(port_file.read_text())
        return self

    def kill(self) -> None:
        """Kill it at once."""
        assert self._process is not None, "the router was not started"
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        assert self._process is not None, "the router was not started"
        self._process.terminate()
        return self._process.wait(60)

    def __enter__(self) -> RouterProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._folder.cleanup()
