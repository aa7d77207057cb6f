"""The HTTP of our server: steps the short way.

uvicorn makes of every request a scope, a cycle and a task, so that an application
may wait; that takes longer than a step. Here a request for steps is held back
while the read that brought it is parsed. If the front door can answer it synchronously,
the answer is written right away, or when the journal has it. Every other request,
and one that a read brought only a part of, is given to uvicorn as if it came just
then. One request a read is answered so: those behind it in a pipeline take turns
with other connections as they always did. Bytes are the same either way, but for one
thing: where a pipeline ends in what is not HTTP, uvicorn's 400 no longer overtakes the
answer to the request before.

Of uvicorn's class this relies on: the parser's callbacks `on_*`, `data_received`,
`on_response_complete`, and the attributes `cycle` (of which it uses what `_StandIn`
has), `flow.write_paused`, `server_state.default_headers`, `access_log`,
`limit_concurrency` and `root_path`.

What a connection may send, and how long it may take, is bounded in `bounded`.
"""

from __future__ import annotations

import asyncio
import http
import logging
from functools import partial
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .front import FrontDoor, response_headers
from .messages import Response

log = logging.getLogger("turnwise.servers")

# a request with one of these has a meaning beyond its path and its body
_UNUSUAL = frozenset((b"transfer-encoding", b"expect", b"upgrade"))
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus
}


class _StandIn:
    """What stands where uvicorn keeps the request that is being answered, while the journal is written."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive = True
        self.message_event = asyncio.Event()


class StepProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, with a short way for steps.

    Where the application is not a front door, or one that does not want it, or something
    has to see every request on its way there, it is uvicorn's protocol and nothing else.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        front = config.app
        seen = self.access_log or self.limit_concurrency is not None or bool(self.root_path)
        self._front = front if isinstance(front, FrontDoor) and front.direct and not seen else None
        self._first = False  # nothing of this read was answered yet
        self._holding = False
        self._has_head = False
        self._parts: list[bytes] = []

    def welcome(self) -> None:
        """Take note that somebody known is at the other end."""

    def data_received(self, data: bytes) -> None:
        """Parse what came; what is not whole then is not held back any longer."""
        self._first = self._front is not None
        super().data_received(data)
        if self._holding:
            self._let_go()

    def on_message_begin(self) -> None:
        """Hold a request back if nothing is before it."""
        if (
            self._first
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
        ):
            self._holding, self._has_head = True, False
            self.url, self.headers, self._parts = b"", [], []
        else:
            super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        if self._holding:
            name = name.lower()
            if name not in _UNUSUAL:
                self.headers.append((name, value))
                return
            self._let_go()
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let go of what is certainly not a step."""
        if self._holding:
            parser = self.parser
            if (
                self.url.endswith(b"/step")
                and parser.get_method() == b"POST"
                and parser.get_http_version() == "1.1"
                and parser.should_keep_alive()
            ):
                self._has_head = True
                return
            self._let_go()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self._holding:
            self._parts.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Response, or let go."""
        if self._holding:
            if self._answer():
                self._holding = self._first = False
                return
            self._let_go()
        super().on_message_complete()

    def _let_go(self) -> None:
        """Tell uvicorn what the parser has found of the request so far."""
        self._holding = False
        url, headers = self.url, self.headers
        super().on_message_begin()
        super().on_url(url)
        for name, value in headers:
            super().on_header(name, value)
        if self._has_head:
            super().on_headers_complete()
            for part in self._parts:
                super().on_body(part)

    def _answer(self) -> bool:
        """Answer the request that is held, if that takes no waiting."""
        assert self._front is not None, "nothing is held without a front door"
        try:
            found = self._front.try_now(self.url.decode("latin-1"), self.headers, b"".join(self._parts))
        except Exception:
            # asked for again, a step is answered from store or fails for uvicorn to report
            log.exception("a step was not answered at once")
            return False
        if found is None:
            return False
        self.welcome()
        if not isinstance(found, tuple):
            found(partial(self._give, self._hold()))
            return True
        answer, waits = found
        if waits:
            self._front.commits.give(partial(self._give, self._hold()), answer)
        else:
            self._write(answer, keep_alive=True)
            self.on_response_complete()
        return True

    def _hold(self) -> _StandIn:
        """Let requests behind this one wait."""
        held = _StandIn()
        standing: Any = held  # no cycle, but all that uvicorn asks of one that is being answered
        self.cycle = standing
        return held

    def _give(self, held: _StandIn, answer: Response | None) -> None:
        """Send an answer that had to wait; without one the connection ends."""
        held.response_complete = True
        if held.disconnected:
            return
        if answer is None:
            self.transport.abort()
            return
        self._write(answer, held.keep_alive)
        if not held.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _write(self, answer: Response, keep_alive: bool) -> None:
        headers = [*self.server_state.default_headers, *response_headers(answer)]
        if not keep_alive:
            headers.append((b"connection", b"close"))
        lines = [b"%b: %b\r\n" % header for header in headers]
        self.transport.write(b"".join([_STATUS_LINES[answer.status], *lines, b"\r\n", answer.body]))
