"""An MCP server over HTTP: who may call is judged before anything is read, as `turnwise serve` judges it."""

from __future__ import annotations

from typing import Any

import orjson

from ..http.keys import Keys
from ..http.visitors import Visitors
from ..pages.guard import App, Receive, Scope, Send
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem, not_a_key

PATH = "/mcp"
_HEALTH = "/health"


class Door:
    """The application in front of the server.

    Args:
        inside: answers what is let in.
        visitors: by which names the server is asked, and which pages may ask it.
        keys: who may call; None for everybody who reaches it.
    """

    def __init__(self, inside: App, visitors: Visitors, keys: Keys | None) -> None:
        self._inside, self._visitors, self._keys = inside, visitors, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or refuse it."""
        if scope["type"] == "lifespan":
            await self._inside(scope, receive, send)
            return
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            self._visitors.check(scope["headers"])
            if scope["path"] == _HEALTH:
                await _respond(send, 200, b"application/json", orjson.dumps({"status": "ok"}))
                return
            self._check_key(dict(scope["headers"]).get(b"authorization"))
        except Refused as refusal:
            problem = refusal.problem
            await _respond(send, problem.status, PROBLEM_TYPE.encode(), encode_problem(problem))
            return
        await self._inside(scope, receive, send)

    def _check_key(self, header: bytes | None) -> None:
        if self._keys is not None and self._keys.identify(header) is None:
            raise Refused(not_a_key())


async def _respond(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers: list[Any] = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
