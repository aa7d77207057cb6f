"""One process of a run, held on the machine where it belongs: started, looked at, ended.

It runs for as long as its keeper does, however that ends (turnwise.watch), and no second one of its name
begins before the first is gone: whoever watches it holds a lock. What it needs lies in a folder of this
user alone, on this machine, where the next keeper of the same name finds it.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import TrainingError
from ...files import write_whole
from ...signals import how_ended
from ...watch import watched

START_S = 600.0  # an engine may load for long
_FORMER_S = 90.0  # for one that is being ended: more than any may take
_POLL_S = 0.05
_MOST_SHOWN, _MOST_TAIL, _MOST_LOG = 1 << 16, 2000, 1 << 16


@dataclass(frozen=True, slots=True)
class Spot:
    """What a keeper says of its machine.

    Args:
        folder: of its process, there alone.
        python: the interpreter there.
        port: one that is free.
        written: bytes that earlier processes of this name have written.
    """

    folder: str
    python: str
    port: int
    written: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """What a process is.

    Args:
        words: the command line.
        cwd: where it runs, if that folder is there.
        env: beside the environment of its machine; the only place for secrets.
        files: name -> content, written into its folder before.
        answers: (host, port) of its /health, for one that serves; None: it does not.
        stop_s: how long it may take to end, once asked to, before it is killed.
    """

    words: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[str, int] | None = None
    stop_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a process.

    Args:
        code: its exit code, 128 and the signal where one killed it.
        how: in words.
        tail: the end of what it wrote.
    """

    code: int
    how: str
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What a process has written since one looked last, and how far its run is.

    Args:
        text: of its output.
        position: where to look on.
        update: the last one in the log of the run; 0: none yet.
    """

    text: str
    position: int
    update: int


class Keeper:
    """The holder of one process.

    Args:
        run: the folder of the run, which tells runs apart.
        name: of the process.
        root: where the folders of keepers lie; None: in that of temporary files.

    Raises:
        TrainingError: if another user has been there before.
    """

    def __init__(self, run: str, name: str, root: str | None = None) -> None:
        base = Path(root or tempfile.gettempdir()) / f"turnwise-launch-{os.getuid()}"
        _own(base)
        self._folder = base / self.word(run) / name
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run, self._output = Path(run), self._folder / "output.log"
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def word(run: str) -> str:
        """Return what the folders of the keepers of a run lie under."""
        return hashlib.blake2b(run.encode(), digest_size=8).hexdigest()

    def settle(self, host: str, port: int = 0) -> Spot:
        """Say where the process will run.

        Args:
            host: an address of this machine.
            port: that it had before; 0 finds one that is free.
        """
        if not port:
            with socket.create_server((host, 0)) as server:
                port = server.getsockname()[1]
        written = self._output.stat().st_size if self._output.exists() else 0
        return Spot(str(self._folder), sys.executable, port, written)

    def start(self, command: Command) -> Ended | None:
        """Start the process; wait until one that serves does. Return how it ended, if it has.

        Raises:
            TrainingError: if the one before it does not end.
        """
        lock = self._locked()
        try:
            for name, text in command.files.items():
                write_whole(self._folder / name, text.encode())
            with self._output.open("ab") as out:
                self._process = subprocess.Popen(
                    watched([*command.words], command.stop_s),
                    stdin=subprocess.PIPE,  # closes with this process, however it ends
                    stdout=subprocess.DEVNULL,
                    stderr=out,
                    env={**os.environ, **command.env},
                    cwd=command.cwd if Path(command.cwd).is_dir() else None,
                    pass_fds=(lock,),
                    start_new_session=True,
                )
        finally:
            os.close(lock)
        deadline = time.monotonic() + START_S
        while command.answers and not _is_well(*command.answers):
            if self._process.poll() is not None:
                return self.wait()
            if time.monotonic() > deadline:
                self.stop()
                return Ended(1, f"did not answer within {START_S:g} s, and was ended", self._tail())
            time.sleep(_POLL_S)
        return None

    def wait(self) -> Ended:
        """Wait until the process ends."""
        assert self._process is not None, "nothing was started"
        code = self._process.wait()
        code = code if code >= 0 else 128 - code
        return Ended(code, how_ended(code), self._tail())

    def stop(self) -> None:
        """Ask the process to end, kill it if it does not, and wait."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def close(self) -> None:
        """End the process for good, and remove what lies here of it."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        for parent in (self._folder.parent, self._folder.parent.parent):
            if not any(parent.iterdir()):
                parent.rmdir()

    def look(self, position: int) -> Look:
        """Return what was written since, in whole lines, and how far the run is."""
        if not self._output.exists():
            return Look("", 0, last_update(self._run))
        with self._output.open("rb") as file:
            start = position if position <= os.fstat(file.fileno()).st_size else 0
            file.seek(start)
            content = file.read(_MOST_SHOWN)
        whole = content.rfind(b"\n") + 1
        if whole or len(content) < _MOST_SHOWN:
            content = content[:whole]
        return Look(content.decode(errors="replace"), start + len(content), last_update(self._run))

    def is_taken(self, host: str, port: int) -> bool:
        """Tell whether somebody listens at a port of this machine, without a word to whoever does."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return True
        return False

    def _locked(self) -> int:
        """Wait until the former process of this name is gone; return the lock that the next one holds."""
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _FORMER_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise TrainingError(
                        f"{self._folder}: the process before this one has not ended within {_FORMER_S:g} s"
                    ) from None
                time.sleep(_POLL_S)

    def _tail(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")[-_MOST_TAIL:]


def last_update(run: Path) -> int:
    """Return the number of the last update in the log of a run; 0 where there is none."""
    path = run / "log.jsonl"
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _MOST_LOG))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            entry = json.loads(line)
        except ValueError:  # torn, or its beginning was cut off
            continue
        if isinstance(entry, dict) and entry.get("kind") == "update":
            return int(entry["update"])
    return 0


def _own(folder: Path) -> None:
    """Make a folder of this user alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise TrainingError(f"{folder}: is not a folder of this user alone; remove it, or set TMPDIR")


def _is_well(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
