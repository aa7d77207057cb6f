"""Bounds on what anybody may send, and on how long they may take, before it is known who they are.

Bodies are bounded by the front door, where it is known who sends them. The rest never gets
that far: a request line, headers or trailers without end; requests behind one another on a
connection whose answers nobody reads; a connection on which nothing comes. Each of these is
bounded here, for one connection; `crowd` bounds how many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from ..protocol.encoding import PROTOCOL
from ..protocol.problems import PROBLEM_TYPE, encode_problem, too_large, too_slow
from ..protocol.types import Problem
from . import link
from .crowd import Crowd
from .fast_path import StepProtocol
from .front import FrontDoor
from .messages import WELCOME, Response

__all__ = ["BoundedHttp", "Stall"]

MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 256
MAX_PIPELINED = 64
HEAD_S = 20.0
BODY_S = 120.0
STALL_S = 60.0

_END = b"\r\n\r\n"
_REFUSAL = (
    "HTTP/1.1 {} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n"
    "turnwise-protocol: {}\r\nconnection: close\r\n\r\n"
)
_PHRASES = {408: "Request Timeout", 431: "Request Header Fields Too Large"}


class Stall:
    """A watch over what was written and nobody takes.

    Args:
        loop: of the connection.
        give_up: called when nothing at all was taken in STALL_S seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, give_up: Callable[[], None]) -> None:
        self._loop, self._give_up = loop, give_up
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport) -> None:
        """Watch from here on."""
        self.end()
        size = transport.get_write_buffer_size()
        self._timer = self._loop.call_later(STALL_S, self._look, transport, size)

    def end(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, transport: asyncio.Transport, size: int) -> None:
        if transport.get_write_buffer_size() < size:
            self.begin(transport)
        else:
            self._give_up()


class _Flow(FlowControl):
    """Uvicorn's flow control, but nothing more is read while requests wait their turn."""

    def __init__(self, transport: asyncio.Transport, protocol: BoundedHttp) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        if not self._protocol.pipeline:
            super().resume_reading()


class _TooMany(Exception):
    """Stops the parser: more requests are behind one another than are kept."""


class BoundedHttp(StepProtocol):
    """A protocol of which one connection costs little, whatever it sends, and not for ever.

    Heads are measured as they arrive, so that what comes complete in one piece of
    what the loop reads, at most 256 KB, is let through.
    """

    is_socket = False
    _open = False  # a message has begun, and not ended
    _in_head = False
    _head_bytes = 0
    _body_bytes = 0  # of this read, since the last headers ended
    _bare_bytes = 0  # since the last part of the body: of trailers
    _ended = False  # a message ended in this read
    _full = False  # nothing more is parsed

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, WELCOME: self.welcome}, _loop)
        self._crowd: Crowd | None = getattr(config, "crowd", None)
        self._door: FrontDoor | None = getattr(config, "door", None)
        self._known = False
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._stall = Stall(self.loop, self.send_away)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self)
        self._wait()
        if self._crowd is not None:
            self._crowd.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        super().connection_lost(exc)
        self.pipeline.clear()
        self._leave()

    def _should_upgrade(self) -> bool:
        return self._wants_link or super()._should_upgrade()

    @property
    def _wants_link(self) -> bool:
        return self._door is not None and self.url == link.PATH and self._get_upgrade() == link.UPGRADE

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to a websocket, or to a link."""
        self._leave()
        if not self._wants_link or self._door is None:
            super().handle_websocket_upgrade()
            return
        self.connections.discard(self)
        end = self._door.link(self.headers, self.connections)
        if isinstance(end, Response):
            self._write(end, keep_alive=False)
            self.transport.close()
        else:
            self.transport.set_protocol(end)
            end.connection_made(self.transport)

    def welcome(self) -> None:
        """Take note that somebody known is at the other end."""
        if not self._known:
            self._known = True
            if self._crowd is not None:
                self._crowd.know(self)

    @property
    def is_waiting(self) -> bool:
        """Tell whether nothing is answered here now."""
        return self._open or self.cycle is None or self.cycle.response_complete

    def send_away(self) -> None:
        """Hang up, at once."""
        self.transport.abort()

    def pause_writing(self) -> None:
        """Watch whether somebody takes the answers."""
        super().pause_writing()
        self._stall.begin(self.transport)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._stall.end()

    def on_message_begin(self) -> None:
        """Note that a request line has begun."""
        if len(self.pipeline) >= MAX_PIPELINED:
            self._full = True
            raise _TooMany
        self._open = self._in_head = True
        self._head_bytes = self._bare_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the headers have ended."""
        self._in_head, self._body_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count a part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request is whole."""
        self._open, self._ended = False, True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that this is not HTTP; where too much waits, answer that and hang up after it."""
        if self._full:
            self.pipeline[0][0].keep_alive = False  # the newest
        else:
            super().send_400_response(msg)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        if self._full:
            return
        self._body_bytes, self._ended = 0, False
        in_body = self._open and not self._in_head
        super().data_received(data)
        if not self._open and self._timer is None and self.timeout_keep_alive_task is not None:
            return  # a step was answered
        if self._full or self.transport.get_protocol() is not self:
            return
        if self._open:
            self._measure(data, in_body and not self._ended)
        self._watch()

    def _measure(self, data: bytes, in_body: bool) -> None:
        """Bound what is kept of a message that has not ended."""
        if self._in_head:
            # a head that began in this read began after the last one that ended in it, and after its body
            ended = data.rfind(_END) if self._head_bytes == 0 else -1
            arrived = len(data) if ended < 0 else len(data) - ended - len(_END)
            self._head_bytes += max(1, arrived - self._body_bytes)
        elif in_body:
            self._bare_bytes = 0 if self._body_bytes else self._bare_bytes + len(data)
        if max(self._head_bytes * self._in_head, self._bare_bytes) > MAX_HEAD_BYTES:
            what, size = "bytes of the request line and headers", max(self._head_bytes, self._bare_bytes)
            self._refuse(replace(too_large(what, size, MAX_HEAD_BYTES), status=431))
        elif len(self.headers) > MAX_HEADERS:
            self._refuse(replace(too_large("headers", len(self.headers), MAX_HEADERS), status=431))

    def _watch(self) -> None:
        """Begin, or end, to wait for the rest of a message or for one that was not begun."""
        waits = self._open
        if not waits and self.timeout_keep_alive_task is None:
            waits = self.cycle is None or self.cycle.response_complete
        if self._timer is not None and (self._ended or not waits):
            self._wait_no_longer()
        if waits and self._timer is None:
            self._wait()

    def _wait(self) -> None:
        self._since = self.loop.time()
        self._timer = self.loop.call_later(HEAD_S, self._look)

    def _wait_no_longer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Hang up on what takes too long; what the server does not read yet may take longer."""
        limit_s = BODY_S if self._open and not self._in_head else HEAD_S
        if self.flow.read_paused:
            self._wait()
        elif (left_s := self._since + limit_s - self.loop.time()) > 0.001:
            self._timer = self.loop.call_later(left_s, self._look)
        else:
            self._refuse(too_slow(limit_s) if self._open else None)

    def _refuse(self, problem: Problem | None) -> None:
        if self.transport.is_closing():
            return
        answered = self.cycle is None or self.cycle.response_complete
        if problem is not None and answered:  # else it would end up in that answer
            body = encode_problem(problem)
            status = (problem.status, _PHRASES[problem.status])
            head = _REFUSAL.format(*status, PROBLEM_TYPE, len(body), PROTOCOL)
            self.transport.write(head.encode() + body)
        self.transport.close()

    def _leave(self) -> None:
        self._wait_no_longer()
        self._stall.end()
        if self._crowd is not None:
            self._crowd.know(self)
            self._crowd.leave()
