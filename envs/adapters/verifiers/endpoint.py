"""A chat endpoint on loopback whose answers are waited for: what verifiers asks its model, turn by turn."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, NamedTuple

from .messages import events

_MAX_REQUEST_BYTES = 64 << 20
_CLOSE_S = 2.0


class Asked(NamedTuple):
    """A request, and what its answer is given to; None where it will not be answered."""

    body: dict[str, Any]
    answer: asyncio.Future[dict[str, Any] | None]

    def give_up(self) -> None:
        """Tell who has asked that no answer will come."""
        if not self.answer.done():
            self.answer.set_result(None)


class Endpoint:
    """An endpoint at an address that nobody guesses; requests wait in a queue.

    Attributes:
        url: its base URL, once it is open.
        asked: the requests that nobody has answered.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: asyncio.Queue[Asked] = asyncio.Queue()
        self._runner: Any = None

    async def open(self) -> None:
        """Serve on a free port."""
        from aiohttp import web

        base = f"/{secrets.token_urlsafe(24)}/v1"
        app = web.Application(client_max_size=_MAX_REQUEST_BYTES)
        app.router.add_post(f"{base}/chat/completions", self._answered)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}{base}"

    async def close(self) -> None:
        """Stop serving; requests that wait end without an answer."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answered(self, request: Any) -> Any:
        from aiohttp import web

        body = await request.json()
        asked = Asked(body, asyncio.get_running_loop().create_future())
        self.asked.put_nowait(asked)
        document = await asked.answer
        if document is None:
            return web.json_response({"error": {"message": "the episode was left"}}, status=409)
        if not body.get("stream"):
            return web.json_response(document)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in events(document):
            await response.write(event)
        await response.write_eof()
        return response
