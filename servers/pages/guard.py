"""Who may look at pages, and what a browser may do with them.

The pages listen on loopback, where other people of the same machine, and scripts of any
page in the same browser, can knock too. So every address begins with a word of 128 random
bits that only the printed address has, as Jupyter does it; the name by which the server is
asked must be one of loopback (nobody can point theirs at it); and what changes something is
asked for by these pages alone. What is shown was written by models and
environments: the policy of every answer lets no script run but ours and no request leave.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..http.visitors import Visitors
from ..protocol.problems import Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


def new_word() -> str:
    """Return the word that the addresses of one viewing begin with."""
    return secrets.token_urlsafe(16)


class Guard:
    """The application in front of pages.

    Args:
        pages: what stands behind; it sees paths without the word.
        word: what every address begins with.
    """

    def __init__(self, pages: App, word: str) -> None:
        self._pages, self._word = pages, word
        self._visitors = Visitors(strict=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; there are no websockets here."""
        if scope["type"] == "lifespan":
            await self._pages(scope, receive, send)
            return
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        status, reason = self._judge(scope)
        if status:
            await _refuse(guarded, status, reason)
            return
        prefix = f"/{self._word}"
        path = scope["path"].removeprefix(prefix)
        await self._pages({**scope, "path": path, "raw_path": path.encode()}, receive, guarded)

    def _judge(self, scope: Scope) -> tuple[int, str]:
        """Return a status and a reason to refuse a request; 0 to let it in."""
        headers = scope["headers"]
        try:
            self._visitors.check(headers)
            if scope["method"] == "POST" and b"origin" not in dict(headers):
                return 403, "what changes something is asked for by a page of this address"
        except Refused as refusal:
            return refusal.problem.status, refusal.problem.detail
        _, _, rest = scope["path"].partition("/")
        word, slash, _ = rest.partition("/")
        if not secrets.compare_digest(word.encode(), self._word.encode()) or not slash:
            return 403, "open the address that `turnwise view` has printed: it holds a word that admits you"
        return 0, ""


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = f"{reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
