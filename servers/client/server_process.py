"""A server as a process of its own: started, waited for, and stopped by its pid."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import ServerUnreachable
from ...scratch import Scratch

log = logging.getLogger("turnwise.client")

_POLL_S = 0.05
_LOG_TAIL_CHARS = 2000


class ServerProcess:
    """`turnwise serve` as a process beside this one, for as long as the block lasts.

    Args:
        arguments: what `turnwise serve` gets besides its port, e.g. ["--env", "m:E"].
        port: the port; 0 takes a free one.
        log_file: where its log goes; a temporary file by default.
        start_s: how long it may take to answer.
        stop_s: how long it may take to stop before it is killed.
        cwd: the folder it runs in.

    Raises:
        ServerUnreachable: on entering, if it does not start; the text ends with its log.
    """

    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        port: int = 0,
        log_file: Path | None = None,
        start_s: float = 180.0,
        stop_s: float = 35.0,
        cwd: Path | None = None,
    ) -> None:
        self._arguments, self._port = list(arguments), port
        self._start_s, self._stop_s, self._cwd = start_s, stop_s, cwd
        self._scratch = Scratch("turnwise-server-")
        self.log_file = log_file or self._scratch.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        """Return the process id of the server."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def start(self) -> Self:
        """Start the server and wait until it answers."""
        port_file = self._scratch.folder / "port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "turnwise", "serve", "--port", str(self._port)]
        with self.log_file.open("ab") as out:
            self._process = subprocess.Popen(
                [*command, "--until-eof", "--port-file", str(port_file), *self._arguments],
                stdin=subprocess.PIPE,  # closes with this process, however it ends
                stdout=out,
                stderr=out,
                cwd=self._cwd,
                process_group=0,  # Ctrl-C is for this process, which still has sessions to close there
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        deadline = time.monotonic() + self._start_s
        while not self._answers(port_file):
            if self._process.poll() is not None:
                self._release()
                raise ServerUnreachable(
                    f"the server ended with {self._process.returncode}:\n{self.log_tail()}"
                )
            if time.monotonic() > deadline:
                self.kill()
                raise ServerUnreachable(
                    f"the server did not answer in {self._start_s:g} s:\n{self.log_tail()}"
                )
            time.sleep(_POLL_S)
        return self

    def stop(self) -> int:
        """Ask the server to stop, kill it if it does not, and return its exit code."""
        assert self._process is not None, "the server was not started"
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(self._stop_s)
            except subprocess.TimeoutExpired:
                log.warning("server %d did not stop in %g s and is killed", self.pid, self._stop_s)
                self.kill()
        self._release()
        return int(self._process.returncode)

    def kill(self) -> None:
        """Kill the server at once, as a power failure would."""
        assert self._process is not None, "the server was not started"
        self._process.kill()
        self._process.wait()
        self._release()

    def _release(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def log_tail(self) -> str:
        """Return the end of the server's log."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARS:]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._scratch.close()

    def _answers(self, port_file: Path) -> bool:
        if not port_file.exists():
            return False
        self._port = int(port_file.read_text(encoding="ascii"))
        self.url = f"http://127.0.0.1:{self._port}"
        import httpx  # heavy, and needed here alone

        try:
            return httpx.get(f"{self.url}/health", timeout=2.0, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False
