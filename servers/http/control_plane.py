"""The application: front door, calls and the FastAPI control plane around one service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi import Response as HttpResponse
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException

from ...envs.sandbox.namespace.sweeping import keep_swept
from ..isolation.catalogue import Catalogue
from ..protocol.calls import CALLS, QUERY, Call
from ..protocol.encoding import load_body
from ..protocol.openapi import PROBLEMS, documented
from ..protocol.problems import Refused, bad_request
from ..protocol.types import Problem
from ..sessions.leases import keep_reaping
from ..sessions.service import Service
from .board_pages import board_application
from .dispatch import Calls, refusal_response
from .docs_page import PAGE_HEADERS, docs_page
from .front import FrontDoor, fields_of, response_headers, wait_of
from .keys import ANYONE, Keys
from .messages import Request, Response
from .visitors import Visitors

Connected = Callable[[], AbstractAsyncContextManager[object]]
Drain = Callable[[], object]

_ABOUT = """Environments as sessions: create, step, reset, fork and close them.

Every step names its episode and turn, so a repeated request is answered from
store and never done twice. See the answer's `expected` when one is refused."""


# the page runs its own inline script, talks to its own server, and nothing else
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

# FastAPI's own spans would repeat ours, and its records of failures tell what bodies hold
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


class Application(FrontDoor):
    """The whole server as one ASGI application.

    Args:
        service: where the sessions live.
        keys: who may call; None lets anyone.
        visitors: whose pages may call, and by which names; see Visitors.
        calls: the calls of the protocol, where other workers have a part in them.
        connected: what the application runs inside of, from its start to its end.
        drain: called when it stops, before what runs is waited for.
        drain_s: how long steps that run are waited for when it stops.
        direct: see FrontDoor.
    """

    def __init__(
        self,
        service: Service,
        keys: Keys | None = None,
        *,
        visitors: Visitors | None = None,
        calls: Calls | None = None,
        connected: Connected = nullcontext,
        drain: Drain = lambda: None,
        drain_s: float = 30.0,
        direct: bool = True,
    ) -> None:
        self.service = service
        self.calls = calls or Calls(service)
        self.num_stuck = 0  # steps that were given up when the application stopped
        self._connected, self._drain, self._drain_s = connected, drain, drain_s
        self._drain_by: float | None = None
        self.control_plane = control_plane(self.calls, self._lifespan, keys)
        super().__init__(self.calls, self.control_plane, keys, visitors=visitors, direct=direct)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        keepers = [asyncio.create_task(keep_reaping(self.service))]
        if self.calls.hosting is not None:
            keepers.append(asyncio.create_task(self.calls.hosting.keep_sweeping()))
        keep_swept()
        async with self._connected():
            yield
            for keeper in keepers:
                keeper.cancel()
                with suppress(asyncio.CancelledError):
                    await keeper
            self._drain()
            self.num_stuck = await self.service.aclose(self.drain_left_s)

    def drain_by(self, when: float) -> None:
        """Set when steps that run are given up, in monotonic seconds; the first time counts."""
        if self._drain_by is None:
            self._drain_by = when

    @property
    def drain_left_s(self) -> float:
        """Return how long steps that run are still waited for."""
        if self._drain_by is None:
            return self._drain_s
        return max(0.0, self._drain_by - time.monotonic())


def build_app(service: Service | None = None, keys: Keys | None = None) -> Application:
    """Build the server around a service; by default one in memory that offers what is registered."""
    return Application(service or Service(Catalogue()), keys)


def control_plane(
    calls: Calls,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    keys: Keys | None = None,
) -> FastAPI:
    """Build the FastAPI application behind the front door: a route for every call of the table, and pages."""
    from ... import __version__

    app = FastAPI(
        title="turnwise",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # they would load scripts from other hosts
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
        responses=PROBLEMS,
    )
    _add_root(app, calls)
    app.mount("/board", board_application(calls, keys))
    for call in CALLS.values():
        app.add_api_route(
            call.path,
            _route(call, calls),
            methods=[call.method],
            name=call.name,
            description=call.summary,
            tags=[call.tag],
            openapi_extra=documented(call),
        )
    app.add_exception_handler(Refused, _refused_handler(calls))
    app.add_exception_handler(HTTPException, _http_handler(calls))
    return app


def _add_root(app: FastAPI, calls: Calls) -> None:
    page = Path(__file__).with_name("start_page.html").read_bytes()

    @app.get("/", include_in_schema=False)
    async def start_page() -> HttpResponse:
        """List the environments for people, and let them play one."""
        return HttpResponse(page, media_type="text/html", headers=_PAGE_HEADERS)

    @app.get("/board", include_in_schema=False)
    async def boards() -> HttpResponse:
        """Lead to the leaderboards."""
        return RedirectResponse("/board/")

    @app.get("/docs", include_in_schema=False)
    @app.get("/redoc", include_in_schema=False)
    async def docs() -> HttpResponse:
        """Describe the calls for people."""
        return HttpResponse(docs_page(app.openapi()), media_type="text/html", headers=PAGE_HEADERS)

    @app.get("/health", tags=["server"])
    async def health() -> HttpResponse:
        """Step a probe environment and say whether the server works."""
        return _sent(await calls.health())

    @app.get("/metrics", tags=["server"], response_class=PlainTextResponse)
    async def metrics() -> HttpResponse:
        """Give counters in Prometheus' text format."""
        return PlainTextResponse(await calls.metrics(), media_type="text/plain; version=0.0.4")


def _route(call: Call, calls: Calls) -> Any:
    async def answer(http: HttpRequest) -> HttpResponse:
        return _sent(await calls.call(call, await _asked(call, http, calls.service.limits.max_wait_s)))

    return answer


async def _asked(call: Call, http: HttpRequest, most_s: float) -> Request:
    """Read the request of a call.

    Raises:
        Refused: if a parameter or the body is not what it should be.
    """
    turn = _turn_of(http) if "turn" in call.takes else None
    wait_s = wait_of(http.headers.raw, most_s) if "prefer" in call.takes else None
    document = None
    if call.body:
        http.scope["turnwise.document"] = document = load_body(await http.body())
    fields = fields_of(http.scope) if "fields" in call.takes else ()
    caller = http.scope.get("turnwise.caller", ANYONE)
    query = {name: http.query_params[name] for name in QUERY.keys() & call.takes if name in http.query_params}
    return Request(caller, document, http.path_params.get("id", ""), turn, wait_s, fields, query)


def _turn_of(http: HttpRequest) -> int | None:
    turn = http.query_params.get("turn")
    if turn is not None and not (turn.isascii() and turn.isdigit() and len(turn) < 16):
        raise Refused(bad_request("turn is no number", turn, "e.g. ?turn=3"))
    return None if turn is None else int(turn)


def _sent(response: Response) -> HttpResponse:
    sent = HttpResponse(response.body, response.status)
    sent.raw_headers = response_headers(response)
    return sent


def _refused_handler(calls: Calls) -> Any:
    async def handle(_: HttpRequest, error: Exception) -> HttpResponse:
        assert isinstance(error, Refused), "registered for refusals"
        return _sent(refusal_response(calls, error))

    return handle


def _http_handler(calls: Calls) -> Any:
    async def handle(http: HttpRequest, error: Exception) -> HttpResponse:
        assert isinstance(error, HTTPException), "registered for HTTP errors"
        code = {404: "unknown_path", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        detail = f"{http.method} {http.url.path[:200]}: {error.detail}"
        return _sent(calls.refused(Problem(error.status_code, code, detail, todo="see /docs")))

    return handle
