"""A request over ASGI: the types of its calls, and its body within a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from ..protocol.problems import Refused, too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def read_body(receive: Receive, declared: bytes, limit: int) -> bytes | None:
    """Read a body; None if the client went away.

    Args:
        receive: gives the messages of the request.
        declared: its Content-Length; b"" if it has none.
        limit: in bytes.

    Raises:
        Refused: 413, if it is longer than the limit, before the rest is read.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit:
            raise Refused(too_large("bytes of the body", len(body), limit))
        return body
    if declared.isdigit() and int(declared) > limit:
        raise Refused(too_large("bytes of the body", int(declared), limit))
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise Refused(too_large("bytes of the body", size, limit))
    return b"".join(parts)
