"""The gateway over HTTP: an ASGI application of few addresses.

    POST /episodes                        opens one, for who has the key
    GET, DELETE /episodes/{id}            how it stands; ends and closes it
    POST /episodes/{id}/reward            a reward, where no session gives them
    POST /episodes/{id}/v1/...            the dialects, and the session behind it

The id in an address is a secret: whoever knows it plays the episode.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from ...errors import TurnwiseError
from ...servers.http.asgi import Receive, Scope, Send, read_body
from ...servers.http.keys import Keys
from ...servers.http.messages import WELCOME
from ...servers.http.visitors import Visitors
from ...servers.protocol.problems import PROBLEM_TYPE, Refused, encode_problem, internal_error
from .exchange import Request, Response, send_response
from .house import Gateway
from .routes import Routes

log = logging.getLogger("turnwise.gateway")


def _nobody() -> None:
    """Greet nobody: the connection is not one of ours."""


class GatewayApp:
    """What answers requests for one gateway.

    Args:
        gateway: the episodes.
        visitors: whose pages may ask, and by which names.
        keys: who may open episodes; None is everybody who gets here.
        opens: whether episodes may be opened over HTTP at all.
    """

    def __init__(
        self,
        gateway: Gateway,
        visitors: Visitors | None = None,
        keys: Keys | None = None,
        *,
        opens: bool = True,
    ) -> None:
        self.gateway, self._visitors = gateway, visitors or Visitors(strict=True)
        self._routes = Routes(gateway, keys, opens=opens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or begin and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            self._visitors.check(scope["headers"])
            body = await read_body(
                receive, headers.get(b"content-length", b""), self.gateway.limits.max_body_bytes
            )
            if body is None:
                return
            gone = asyncio.ensure_future(receive())  # ends when nobody is there any more
            try:
                response = await self._answered(Request(scope["method"], scope["path"], headers, body))
            finally:
                is_gone = gone.done()
                gone.cancel()
            if is_gone:
                return
        except Refused as refused:
            response = Response(refused.problem.status, encode_problem(refused.problem), PROBLEM_TYPE)
        if response.status == 200 and scope["path"].startswith("/episodes"):
            scope.get("state", {}).get(WELCOME, _nobody)()  # who knows an episode stays when it gets crowded
        await send_response(send, response)
        if response.taken is not None:
            response.taken()

    async def _answered(self, request: Request) -> Response:
        try:
            return await self._routes.answer(request)
        except (Refused, asyncio.CancelledError):
            raise
        except (TurnwiseError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            log.exception("a call failed: %s", type(error).__name__)
            return Response(500, encode_problem(internal_error()), PROBLEM_TYPE)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Watch over the episodes from the start to the end, and end those that still go on."""
        await receive()
        watch = asyncio.ensure_future(self.gateway.watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        await self.gateway.close_all()
        await send({"type": "lifespan.shutdown.complete"})
