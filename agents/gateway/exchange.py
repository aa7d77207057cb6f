"""One request and its answer over ASGI, and whether somebody took the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from ...servers.http.asgi import Send
from ...servers.protocol.problems import PROBLEM_TYPE, encode_problem
from ...servers.protocol.types import Problem
from .asked import Refusal

JSON_TYPE = "application/json"
EVENTS_TYPE = "text/event-stream"


class Request(NamedTuple):
    """One request.

    Args:
        method: of HTTP.
        path: of its address.
        headers: by their names in lower case.
        body: what was sent.
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes


class Response(NamedTuple):
    """What is answered.

    Args:
        status: of HTTP.
        body: whole.
        media_type: of the body.
        headers: further ones.
        taken: called once it was handed over to somebody who was there.
    """

    status: int
    body: bytes
    media_type: str = JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()
    taken: Callable[[], None] | None = None


def document(value: Any, status: int = 200) -> Response:
    """Return an answer in JSON."""
    return Response(status, orjson.dumps(value))


def problem(refusal: Refusal) -> Response:
    """Return a refusal as a problem document (RFC 9457)."""
    content = encode_problem(Problem(refusal.status, refusal.code, refusal.detail))
    return Response(refusal.status, content, PROBLEM_TYPE)


async def send_response(send: Send, response: Response) -> None:
    """Send an answer."""
    headers = [
        (b"content-type", response.media_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        *response.headers,
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
