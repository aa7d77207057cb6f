"""The leaderboards of a server as pages below /board/: the public ones for anybody, others with a key.

A browser gives the key as the password of Basic authentication (RFC 7617), which takes no script and no
cookie; it sends it below /board/ alone, where nothing can be changed.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...errors import UsageError
from ..benchmarks.looking import boards_for, sheet_for
from ..board.pages import add_board_pages, boards_page, writer_of_boards
from ..board.sheet import Sheet
from ..pages.guard import HEADERS
from ..pages.sending import add_assets, answer
from ..protocol.problems import Refused
from .dispatch import Calls
from .keys import Caller, Keys

_REALM = "turnwise leaderboards: any name, and the key as the password"
_ASK = {"www-authenticate": f'Basic realm="{_REALM}", charset="UTF-8"'}
_NOBODY = Caller("", True)
_NONE = "There is no board that you may see."
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


class AskForKey(Exception):
    """What ends a request for a board that cannot be seen without a key."""


def board_application(calls: Calls, keys: Keys | None) -> ASGIApp:
    """Return the pages of leaderboards, to be mounted at /board.

    Args:
        calls: of the server, with what it hosts.
        keys: who may see boards that are not public.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, telemetry=_NO_TELEMETRY)
    writer, site = writer_of_boards(), _Site(calls, keys)

    def listed(request: Request, known: Caller | None) -> Response:
        names = boards_for(calls.hosting, (known or _NOBODY).benchmarks)
        if not names and known is None and keys is not None:
            raise AskForKey
        sheets = [site.sheet(known, name, None) for name in names]
        return answer(request, boards_page(writer, sheets, _NONE, sign_in=known is None))

    async def first(request: Request) -> Response:
        return listed(request, site.caller(request))

    async def mine(request: Request) -> Response:
        known = site.caller(request)
        if known is None:
            raise AskForKey
        return listed(request, known)

    async def ask(_: Request, __: Exception) -> Response:
        page = writer.page("wrong.html", {"reason": "this board is shown to keys that play its benchmark"})
        return Response(page, 401, media_type="text/html", headers=_ASK)

    async def told(_: Request, error: Exception) -> Response:
        status = error.problem.status if isinstance(error, Refused) else 404
        return Response(writer.page("wrong.html", {"reason": str(error)}), status, media_type="text/html")

    app.add_api_route("/", first, methods=["GET"])
    app.add_api_route("/mine", mine, methods=["GET"])
    add_assets(app)
    add_board_pages(app, writer, site.find, up="./")
    app.add_exception_handler(AskForKey, ask)
    app.add_exception_handler(UsageError, told)
    app.add_exception_handler(Refused, told)
    return _Headed(app)


class _Site:
    """Who asks for pages, and what of the boards they may see."""

    def __init__(self, calls: Calls, keys: Keys | None) -> None:
        self._calls, self._keys = calls, keys

    def caller(self, request: Request) -> Caller | None:
        """Return who asks, counted against the rate of the key; None without a key that is known."""
        header = bearer_of(request.headers.get("authorization"))
        known = None if self._keys is None else self._keys.identify(header)
        self._calls.admit(known or _NOBODY)
        return known

    def find(self, request: Request, of: str, version: int | None) -> Sheet:
        """Return the board that a request asks for, as `sheet`; refused if the key asks too often."""
        return self.sheet(self.caller(request), of, version)

    def sheet(self, known: Caller | None, of: str, version: int | None) -> Sheet:
        """Return a board.

        Raises:
            AskForKey: if it is none that anybody may see, and there is no key.
            UsageError: if it is none that this key may see.
        """
        who = known or _NOBODY
        sheet = sheet_for(self._calls.hosting, who.benchmarks, who.name, of, version)
        if sheet is None and known is None:
            raise AskForKey
        if sheet is None:
            raise UsageError(f"{of[:80]!r}: there is no such board that this key may see")
        return sheet


class _Headed:
    """An application whose answers let no script run but ours, and nothing leave (as all pages)."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._inner(scope, receive, headed)


def bearer_of(authorization: str | None) -> bytes | None:
    """Return the header of a key that a browser gave as the password of Basic authentication."""
    kind, _, given = (authorization or "").partition(" ")
    if kind.lower() != "basic" or len(given) > 1000:
        return None
    try:
        _, colon, key = base64.b64decode(given, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return b"Bearer " + key if colon else None
