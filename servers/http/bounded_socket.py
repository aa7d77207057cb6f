"""A websocket that costs little before it is known who opened it, and not for ever."""

from __future__ import annotations

import asyncio
from asyncio.transports import BaseTransport
from typing import Any
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request

from .bounded import Stall
from .crowd import Crowd
from .keys import taken_out
from .messages import WELCOME

__all__ = ["BoundedSocket"]

HELLO_S = 10.0
MAX_STRANGE_BYTES = 4096
MAX_KEPT_BYTES = 512 << 10


class BoundedSocket(WebSocketsSansIOProtocol):
    """Uvicorn's websocket, of which a stranger sees the beginning only.

    Of what comes after the handshake MAX_STRANGE_BYTES are looked at, which is enough to
    say hello; the rest waits until it is known who is there, for HELLO_S seconds at most.
    Pings are answered no faster than the answers are taken.
    """

    is_socket = is_waiting = True

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, WELCOME: self.welcome}, _loop)
        self._crowd: Crowd | None = getattr(config, "crowd", None)
        self._known = False
        self._num_seen, self._kept = 0, b""
        self._timer = self.loop.call_later(HELLO_S, self._late)
        self._stall = Stall(self.loop, self.send_away)

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for somebody known."""
        super().connection_made(transport)
        if self._crowd is not None:
            self._crowd.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        super().connection_lost(exc)
        self._timer.cancel()
        self._stall.end()
        self._kept = b""
        if self._crowd is not None:
            self._crowd.know(self)
            self._crowd.leave()

    def handle_connect(self, event: Request) -> None:
        """Take a key out of the path, so that no log, trace or answer ever holds it."""
        path, query, rest = event.path.partition("?")
        key, path = taken_out(path)
        if key:
            event.path = path + query + rest
            event.headers["authorization"] = f"Bearer {unquote(key)}"
        super().handle_connect(event)

    def welcome(self) -> None:
        """Take note that somebody known is at the other end, and read what waits."""
        if self._known:
            return
        self._known = True
        self._timer.cancel()
        if self._crowd is not None:
            self._crowd.know(self)
        kept, self._kept = self._kept, b""
        if kept and not self.transport.is_closing():
            self.transport.resume_reading()
            self.data_received(kept)

    def send_away(self) -> None:
        """Hang up, at once."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; of a stranger, little."""
        if self.handshake_initiated and not self._known:
            room = 0 if self._kept else MAX_STRANGE_BYTES - self._num_seen
            data, more = data[:room], data[room:]
            self._num_seen += len(data)
            self._kept += more
            if len(self._kept) > MAX_KEPT_BYTES:
                self.send_away()
                return
            if more:
                self.transport.pause_reading()
        if data:
            super().data_received(data)

    def pause_writing(self) -> None:
        """Read nothing while nobody takes the answers, and watch for how long."""
        super().pause_writing()
        self._stall.begin(self.transport)
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._stall.end()
        if not (self.read_paused or self._kept or self.transport.is_closing()):
            self.transport.resume_reading()

    def _late(self) -> None:
        """Hang up on somebody who has not said who they are."""
        if self.handshake_complete and not self.close_sent:
            self.conn.send_close(1008, "no key was given in time")
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
