"""The proxy of one box: the sockets on which it listens, its bounds, and what it refused."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import weakref
from collections.abc import Sequence

from ....shown import visible
from ..loop import submit
from .addresses import Refusal
from .allowlist import Allowlist
from .exchange import Bounds, Exchange
from .listening import PORT

log = logging.getLogger("turnwise.envs")

_MAX_NOTES = 50
_PAUSE_S = 1.0
_HERE = "localhost,127.0.0.1,::1"


def variables(network: str | Sequence[str]) -> dict[str, str]:
    """Return the variables by which programs in a box find its proxy; none where it has none."""
    if isinstance(network, str):
        return {}
    proxy = f"http://127.0.0.1:{PORT}"
    found = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": _HERE}
    return found | {name.lower(): value for name, value in found.items()}


class Gate:
    """The way out of one box; it works on the library's loop and may be used from any thread.

    Args:
        hosts: what may be reached; see Allowlist.
        bounds: what may go through.
    """

    def __init__(self, hosts: Sequence[str], bounds: Bounds | None = None) -> None:
        self.allowlist, self.bounds = Allowlist(hosts), bounds or Bounds()
        self.num_bytes = 0
        self._line: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self._notes: list[str] = []
        self._is_closed = False

    def listen(self, line: socket.socket) -> None:
        """Serve a listening socket from now on, and no earlier one."""
        submit(self._serve(line))

    def close(self) -> None:
        """End every connection and listen no more."""
        self._is_closed = True
        submit(self._end())

    def take_refused(self) -> tuple[str, ...]:
        """Return what was refused since this was last asked, each host once."""
        with self._lock:
            notes, self._notes = self._notes, []
        return tuple(notes)

    def note(self, what: str, why: str) -> None:
        """Note that something was refused."""
        note = visible(f"{what[:300]}: {why}")
        with self._lock:
            if note in self._notes or len(self._notes) >= _MAX_NOTES:
                return
            self._notes.append(note)
        log.info("a box was refused %s", note)

    def spend(self, num_bytes: int) -> None:
        """Count bytes that go through.

        Raises:
            Refusal: if these are too many.
        """
        self.num_bytes += num_bytes
        if self.num_bytes > self.bounds.num_bytes:
            why = f"more than {self.bounds.num_bytes} bytes went through the proxy of this box"
            raise Refusal(403, why)

    async def _serve(self, line: socket.socket) -> None:
        await self._end()
        if self._is_closed:
            line.close()
            return
        line.setblocking(False)
        self._line = line
        self._watch()

    async def _end(self) -> None:
        if self._line is not None:
            asyncio.get_running_loop().remove_reader(self._line)
            self._line.close()
            self._line = None
        for task in self._tasks:
            task.cancel()

    def _watch(self) -> None:
        if self._line is not None and len(self._tasks) < self.bounds.num_connections:
            asyncio.get_running_loop().add_reader(self._line, self._accept, self._line)

    def _accept(self, line: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, _ = line.accept()
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("the proxy of a box cannot take a connection: %s", error)
            loop.remove_reader(line)
            loop.call_later(_PAUSE_S, self._watch)
            return
        task = loop.create_task(self._take(connection))
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._taken(task, connection))
        if len(self._tasks) >= self.bounds.num_connections:
            loop.remove_reader(line)

    async def _take(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            await Exchange(self, reader, writer).run()
        finally:
            writer.transport.abort()

    def _taken(self, task: asyncio.Task[None], connection: socket.socket) -> None:
        self._tasks.discard(task)
        connection.close()
        self._watch()
        if not task.cancelled() and (error := task.exception()):
            log.warning("the proxy of a box: %r", error)


def gate_of(box: object, network: str | Sequence[str]) -> Gate | None:
    """Return the gate of a box, where it may reach listed hosts; it is closed when the box is forgotten."""
    if isinstance(network, str):
        return None
    gate = Gate(network)
    weakref.finalize(box, gate.close).atexit = False
    return gate
