"""An application of pages, served on loopback until somebody has seen enough."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Lifespan

from ...errors import TurnwiseError
from ..run.listening import listen
from .guard import Guard, new_word
from .sending import add_assets
from .writing import Writer

LOOPBACK = "127.0.0.1"
_MOST_AT_ONCE = 64  # requests
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
log = logging.getLogger(__name__)


def pages(writer: Writer, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return an application with what every page needs: style, script, and words for what goes wrong.

    Args:
        writer: has the templates.
        lifespan: what it runs inside of, from its start to its end.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan, telemetry=_NO_TELEMETRY)
    add_assets(app)

    def wrong(status: int, reason: str) -> Response:
        return Response(writer.page("wrong.html", {"reason": reason}), status, media_type="text/html")

    async def told(_: Request, error: Exception) -> Response:
        return wrong(404, str(error))

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "registered for HTTP errors"
        return wrong(error.status_code, f"{request.url.path.rpartition('/')[2]}: {error.detail}")

    async def broken(_: Request, error: Exception) -> Response:
        log.error("a page could not be made", exc_info=error)
        return wrong(500, f"this page could not be made: {type(error).__name__}; the terminal says more")

    async def incomplete(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError), "registered for wrong addresses"
        places = ", ".join(str(found["loc"][-1]) for found in error.errors())
        return wrong(404, f"this address lacks or has wrong: {places}; the first page leads to all others")

    app.add_exception_handler(TurnwiseError, told)
    app.add_exception_handler(RequestValidationError, incomplete)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, broken)
    return app


def serve_pages(app: FastAPI, port: int, say: Callable[[str], None]) -> None:
    """Serve pages on loopback until Ctrl-C.

    Args:
        app: made by `pages`.
        port: where; 0 for a free one.
        say: is told the address, which holds the word that admits.

    Raises:
        UsageError: if the port cannot be had.
    """
    word = new_word()
    (listening,) = listen(LOOPBACK, port)
    say(f"http://{LOOPBACK}:{listening.getsockname()[1]}/{word}/")
    config = uvicorn.Config(
        Guard(app, word),
        log_level="error",
        access_log=False,  # addresses hold the word
        server_header=False,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run([listening])
