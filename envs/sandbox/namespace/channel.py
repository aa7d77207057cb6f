"""The server's end of the keeper: calls from any thread or loop, answered by one reading thread."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import SandboxError
from . import filter as calls
from .host import USERS, USERS_FILE
from .keeper import wire
from .keeper.cgroups import Places

_START_TIMEOUT_S = 30.0
_GONE = "the process that holds the sandboxes has ended"


class Reply(NamedTuple):
    """What the keeper answered, with the bytes that came beside it, or a socket."""

    message: dict[str, Any]
    body: bytes
    line: socket.socket | None = None

    def file(self) -> tuple[dict[str, Any], bytes]:
        """Return the object and the bytes of an answer that was written by a child."""
        length = struct.unpack_from("<I", self.body)[0]
        return json.loads(self.body[4 : 4 + length]), self.body[4 + length :]


class Channel:
    """One keeper process and the calls under way.

    Args:
        places: where its control groups are made.
        ended: called once the keeper has ended.

    Raises:
        SandboxError: if it does not start, with what it said.
    """

    def __init__(self, places: Places, ended: Callable[[], None]) -> None:
        self._calls: dict[int, Future[Reply]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._failure: str | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the keeper may write
        self._socket, process = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)
        with process:
            self._process = self._start(process, places)
        self._wait_until_ready()
        self._owner, self._ended = os.getpid(), ended
        self._reader = threading.Thread(target=self._read, name="turnwise-sandbox", daemon=True)
        self._reader.start()

    def _start(self, sock: socket.socket, places: Places) -> subprocess.Popen[bytes]:
        users = {"path": USERS_FILE, "first": USERS.start, "count": len(USERS)}
        settings = {
            "places": asdict(places),
            "filter": calls.assemble().hex(),
            "user_namespace": os.geteuid() != 0,
            "users": None if os.geteuid() else users,
        }
        held = wire.memory_file(json.dumps(settings).encode())
        me = os.pidfd_open(os.getpid())
        folder = Path(__file__).parent
        program = f"import sys; sys.path.insert(0, {str(folder)!r}); from keeper.main import main; main()"
        try:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", program, *map(str, (sock.fileno(), me, held))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={},
                cwd="/",
                pass_fds=(sock.fileno(), me, held),
            )
        finally:
            os.close(me)
            os.close(held)

    def _wait_until_ready(self) -> None:
        self._socket.settimeout(_START_TIMEOUT_S)
        try:
            said = self._socket.recv(100)
        except TimeoutError:
            said = b""
        self._socket.settimeout(None)
        if said != b"ready":
            self._socket.close()
            self._process.kill()
            self._process.wait()
            raise SandboxError(
                f"the namespace sandbox does not start here: {self._said()}; see `turnwise doctor`"
            )

    def _said(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read(10_000).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no word from it"

    def send(self, op: str, body: bytes = b"", fds: tuple[int, ...] = (), **message: Any) -> Future[Reply]:
        """Ask for something; the future has the reply, or SandboxError if the keeper is gone."""
        future: Future[Reply] = Future()
        future.set_running_or_notify_cancel()
        number = next(self._numbers)
        with self._lock:
            if self._failure is not None or os.getpid() != self._owner:
                raise SandboxError(self._failure or "a forked process cannot use the sandboxes of its parent")
            self._calls[number] = future
            try:
                wire.send(self._socket, {"op": op, "call": number, **message}, body, fds)
            except OSError as error:
                del self._calls[number]
                if isinstance(error, ConnectionError):
                    self._failure = f"{_GONE}: {error}"
                raise SandboxError(f"{_GONE}: {error}") from error
            except wire.TooLong:
                del self._calls[number]
                raise
        return future

    async def ask(self, op: str, body: bytes = b"", fds: tuple[int, ...] = (), **message: Any) -> Reply:
        """Ask and wait."""
        return await answer_of(self.send(op, body, fds, **message))

    def number_of(self, future: Future[Reply]) -> int | None:
        """Return the number of a call that is under way."""
        with self._lock:
            return next((number for number, held in self._calls.items() if held is future), None)

    def _read(self) -> None:
        while True:
            try:
                received = wire.receive(self._socket)
            except OSError:
                received = None
            if received is None:
                break
            message, body, fds = received
            if "file" in message:
                body = wire.read_all(fds.pop(), message["file"])
            line = socket.socket(fileno=fds.pop()) if "line" in message else None
            for fd in fds:
                os.close(fd)
            with self._lock:
                future = self._calls.pop(message["call"], None)
            if future is not None:
                future.set_result(Reply(message, body, line))
        self._fail()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_START_TIMEOUT_S)
        self._ended()

    def _fail(self) -> None:
        with self._lock:
            self._failure = self._failure or f"{_GONE}: {self._said()}"
            waiting, self._calls = list(self._calls.values()), {}
        for future in waiting:
            future.set_exception(SandboxError(self._failure))

    @property
    def is_open(self) -> bool:
        """Whether calls are answered."""
        return self._failure is None and os.getpid() == self._owner

    @property
    def has_died(self) -> bool:
        """Whether the keeper of this process has ended, by itself or by others."""
        return self._failure is not None and os.getpid() == self._owner

    def close(self) -> None:
        """End the keeper, and with it every box."""
        with self._lock:
            self._failure = self._failure or "the sandboxes are closed"
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_START_TIMEOUT_S)
        self._socket.close()
        self._errors.close()


def answer_of(call: Future[Reply]) -> asyncio.Future[Reply]:
    """Return a call as a future of the running loop, which need not be awaited however it ends."""
    reply = asyncio.wrap_future(call)
    reply.add_done_callback(_seen)
    return reply


def _seen(reply: asyncio.Future[Reply]) -> None:
    if not reply.cancelled():
        reply.exception()
