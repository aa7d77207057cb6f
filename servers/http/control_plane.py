"""The application: gate, calls and the FastAPI control plane around one service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from ..protocol.bodies import (
    CloseBody,
    CreateBody,
    CreateOneBody,
    ForkBody,
    HeartbeatBody,
    ResetBody,
    ResetOneBody,
    StepBody,
    StepsBody,
)
from ..protocol.encoding import load_body, read_step, read_steps
from ..protocol.openapi import PROBLEMS, call
from ..protocol.problems import Refused, bad_request
from ..sessions.creation import Creation
from ..sessions.leases import keep_reaping
from ..sessions.service import Service
from ..workers.cluster import Mesh
from .dispatch import Answer, Calls, refusal_answer
from .front import Gate, answer_headers, fields_of, wait_of
from .keys import ANYONE, Caller, Keys

__all__ = ["Application", "build_app"]

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


class Application(Gate):
    """Be the whole server as one ASGI application.

    Args:
        service: where the sessions live.
        keys: who may call; None lets anyone.
        drain_s: how long steps that run are waited for when it stops.
        mesh: the other workers, where there are several.
        direct: see Gate.
    """

    def __init__(
        self,
        service: Service,
        keys: Keys | None = None,
        *,
        drain_s: float = 30.0,
        mesh: Mesh | None = None,
        direct: bool = True,
    ) -> None:
        self.service = service
        self.calls = mesh.calls(service) if mesh is not None else Calls(service, Creation(service))
        self.control_plane = control_plane(self.calls, drain_s, mesh)
        super().__init__(self.calls, self.control_plane, keys, direct=direct)

    @property
    def num_stuck(self) -> int:
        """Return how many steps were given up when the application stopped."""
        return int(getattr(self.control_plane.state, "num_stuck", 0))


def build_app(service: Service | None = None, keys: Keys | None = None) -> Application:
    """Build the server around a service; by default one in memory that offers what is registered."""
    from ..isolation.catalogue import Offer

    return Application(service or Service(Offer()), keys)


def control_plane(calls: Calls, drain_s: float, mesh: Mesh | None = None) -> FastAPI:
    """Build the FastAPI application behind the gate; stopping, it waits so long for steps that run."""
    from ... import __version__

    service = calls.service

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reaper = asyncio.create_task(keep_reaping(service))
        if mesh is not None:
            await mesh.open()
        yield
        reaper.cancel()
        with suppress(asyncio.CancelledError):
            await reaper
        if mesh is not None:
            mesh.drain()
        app.state.num_stuck = await service.aclose(drain_s)
        if mesh is not None:
            await mesh.close()

    app = FastAPI(
        title="turnwise",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        responses=PROBLEMS,
    )
    _add_root(app, calls)
    _add_sessions(app, calls)
    _add_batches(app, calls)
    app.add_exception_handler(Refused, _refused_handler(calls))
    app.add_exception_handler(HTTPException, _http_handler(calls))
    return app


def _add_root(app: FastAPI, calls: Calls) -> None:
    page = Path(__file__).with_name("start_page.html").read_bytes()

    @app.get("/", include_in_schema=False)
    async def start_page() -> Response:
        """List the environments for people, and let them play one."""
        return Response(page, media_type="text/html", headers=_PAGE_HEADERS)

    @app.get("/health", tags=["server"])
    async def health() -> Response:
        """Step a probe environment and say whether the server works."""
        return _response(await calls.health())

    @app.get("/metrics", tags=["server"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Give counters in Prometheus' text format."""
        return PlainTextResponse(await calls.metrics(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/envs", tags=["environments"])
    async def envs() -> Response:
        """List the environments on offer."""
        return _response(calls.envs())


def _add_sessions(app: FastAPI, calls: Calls) -> None:
    limits = calls.service.limits

    @app.post(
        "/v1/sessions",
        tags=["sessions"],
        openapi_extra=call(CreateBody, CreateOneBody, answer="sessions", parameters=("fields", "prefer")),
    )
    async def create(request: Request) -> Response:
        """Make and reset sessions: a list of items, or one item's members at the top."""
        wait_s = wait_of(request.headers.raw, limits.max_wait_s) or 0.0
        answer = await calls.create(_caller(request), await _document(request, calls), wait_s)
        return _response(answer.only(fields_of(request.scope)))

    @app.get("/v1/sessions", tags=["sessions"])
    async def sessions(request: Request) -> Response:
        """List the sessions of the key that asks."""
        return _response(await calls.sessions(_caller(request)))

    @app.get(
        "/v1/sessions/{id}", tags=["sessions"], openapi_extra=call(parameters=("turn", "fields", "prefer"))
    )
    async def describe(request: Request, id: str) -> Response:
        """Say where a session stands; with ?turn=T give the reply to the step of turn T."""
        turn = request.query_params.get("turn")
        if turn is not None and not (turn.isascii() and turn.isdigit() and len(turn) < 16):
            raise Refused(bad_request("turn is no number", turn, "e.g. ?turn=3"))
        wait_s = wait_of(request.headers.raw, limits.max_wait_s) or 0.0
        number = None if turn is None else int(turn)
        answer = await calls.describe(_caller(request), id, number, wait_s)
        return _response(answer.only(fields_of(request.scope)))

    @app.delete("/v1/sessions/{id}", tags=["sessions"])
    async def delete(request: Request, id: str) -> Response:
        """Close one session."""
        return _response(await calls.delete(_caller(request), id))

    @app.get("/v1/sessions/{id}/journal", tags=["sessions"])
    async def journal(request: Request, id: str) -> Response:
        """Give what the session would be rebuilt from."""
        return _response(await calls.journal(_caller(request), id))

    @app.post(
        "/v1/sessions/{id}/step",
        tags=["sessions"],
        openapi_extra=call(StepBody, answer="reply", parameters=("fields", "prefer")),
    )
    async def step(request: Request, id: str) -> Response:
        """Take the step that follows `turn` steps of `episode`. The gate answers it."""
        item = read_step(await _document(request, calls), id, limits)
        wait_s = wait_of(request.headers.raw, limits.max_wait_s)
        return _response(await calls.step(_caller(request), item, wait_s, fields_of(request.scope)))

    @app.post(
        "/v1/sessions/{id}/reset",
        tags=["sessions"],
        openapi_extra=call(ResetOneBody, answer="reply", parameters=("fields",)),
    )
    async def reset_one(request: Request, id: str) -> Response:
        """Start an episode; repeating it is answered from store."""
        document = await _document(request, calls)
        return _response(await calls.reset_one(_caller(request), id, document, fields_of(request.scope)))


def _add_batches(app: FastAPI, calls: Calls) -> None:
    limits = calls.service.limits

    @app.post(
        "/v1/step",
        tags=["batches"],
        openapi_extra=call(StepsBody, answer="items", parameters=("fields", "prefer")),
    )
    async def steps(request: Request) -> Response:
        """Take many steps. The gate answers it; with Accept: application/x-ndjson in order of completion."""
        items = read_steps(await _document(request, calls), limits)
        wait_s = wait_of(request.headers.raw, limits.max_wait_s)
        return _response(await calls.steps(_caller(request), items, wait_s, fields_of(request.scope)))

    @app.post(
        "/v1/reset", tags=["batches"], openapi_extra=call(ResetBody, answer="items", parameters=("fields",))
    )
    async def reset(request: Request) -> Response:
        """Start episodes of many sessions."""
        document = await _document(request, calls)
        return _response(await calls.reset(_caller(request), document, fields_of(request.scope)))

    @app.post(
        "/v1/fork",
        tags=["batches"],
        openapi_extra=call(ForkBody, answer="sessions", parameters=("fields", "prefer")),
    )
    async def fork(request: Request) -> Response:
        """Copy sessions in the state they are in."""
        wait_s = wait_of(request.headers.raw, limits.max_wait_s) or 0.0
        answer = await calls.fork(_caller(request), await _document(request, calls), wait_s)
        return _response(answer.only(fields_of(request.scope)))

    @app.post("/v1/close", tags=["batches"], openapi_extra=call(CloseBody))
    async def close(request: Request) -> Response:
        """Close sessions; one that is gone is no error."""
        return _response(await calls.close(_caller(request), await _document(request, calls)))

    @app.post("/v1/heartbeat", tags=["batches"], openapi_extra=call(HeartbeatBody))
    async def heartbeat(request: Request) -> Response:
        """Renew leases; say which sessions are there."""
        return _response(await calls.heartbeat(_caller(request), await _document(request, calls)))


def _caller(request: Request) -> Caller:
    caller: Caller = request.scope.get("turnwise.caller", ANYONE)
    return caller


async def _document(request: Request, calls: Calls) -> dict[str, Any]:
    document = load_body(await request.body(), calls.service.limits)
    request.scope["turnwise.document"] = document
    return document


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = answer_headers(answer)
    return response


def _refused_handler(calls: Calls) -> Any:
    async def handle(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused), "registered for refusals"
        return _response(refusal_answer(calls, error))

    return handle


def _http_handler(calls: Calls) -> Any:
    from ..protocol.types import Problem

    async def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "registered for HTTP errors"
        code = {404: "unknown_path", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        detail = f"{request.method} {request.url.path[:200]}: {error.detail}"
        return _response(calls.refused(Problem(error.status_code, code, detail, todo="see /docs")))

    return handle
