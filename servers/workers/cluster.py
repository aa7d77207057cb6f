"""One worker among several: how it reaches the others and how they reach it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

from ..http.dispatch import Calls
from ..sessions.service import Service
from .connection import Link, LinkServer
from .peer_calls import PeerCalls
from .routed_creation import SpreadCreation
from .routing import SpreadCalls

__all__ = ["Mesh"]


class Mesh:
    """Connect a worker with the others.

    Args:
        worker: its number.
        paths: the sockets of all workers, in order.
        listening: its own socket.
    """

    def __init__(self, worker: int, paths: Sequence[Path], listening: socket.socket) -> None:
        self.worker = worker
        self._links = {number: Link(path, number) for number, path in enumerate(paths) if number != worker}
        self._socket = listening
        self._answering: LinkServer | None = None
        self._listening: asyncio.Server | None = None

    def calls(self, service: Service) -> SpreadCalls:
        """Return the calls of the protocol for what clients ask of this worker."""
        creation = SpreadCreation(service, self.worker, self._links)
        self._answering = LinkServer(PeerCalls(Calls(service, creation), creation))
        return SpreadCalls(creation, self._links)

    async def open(self) -> None:
        """Begin to answer the other workers."""
        assert self._answering is not None, "a service comes first"
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_unix_server(self._answering.protocol, sock=self._socket)

    def drain(self) -> None:
        """Take no more calls of other workers."""
        if self._answering is not None:
            self._answering.draining = True

    async def close(self) -> None:
        """Answer what is under way, and disconnect."""
        if self._listening is not None:
            self._listening.close()
        if self._answering is not None:
            await self._answering.close()
        for link in self._links.values():
            link.close()
