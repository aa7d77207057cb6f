"""One worker among several: how it reaches the others and how they reach it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ..http.dispatch import Calls
from ..sessions.service import Service
from .connection import WorkerConnection, WorkerServer
from .routed_creation import RoutedCreation
from .routing import RoutedCalls
from .worker_calls import WorkerCalls


class Cluster:
    """The workers of one server, as one of them sees it.

    Args:
        service: where the sessions of this worker live.
        worker: its number.
        paths: the sockets of all workers, in order.
        listening: its own socket.
    """

    def __init__(
        self, service: Service, worker: int, paths: Sequence[Path], listening: socket.socket
    ) -> None:
        self._connections = {
            number: WorkerConnection(path, number) for number, path in enumerate(paths) if number != worker
        }
        creation = RoutedCreation(service, worker, self._connections)
        self.calls = RoutedCalls(creation, self._connections)
        """The calls of the protocol for what clients ask of this worker."""
        self._server = WorkerServer(WorkerCalls(Calls(service, creation), creation))
        self._socket = listening

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Answer the other workers; at the end answer what is under way, and disconnect."""
        loop = asyncio.get_running_loop()
        listening = await loop.create_unix_server(self._server.protocol, sock=self._socket)
        try:
            yield
        finally:
            listening.close()
            await self._server.close()
            for connection in self._connections.values():
                connection.close()

    def drain(self) -> None:
        """Take no more calls of other workers."""
        self._server.draining = True
