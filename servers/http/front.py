"""The front door: an ASGI application that answers steps itself and hands on the rest.

It stands before the FastAPI application because a mounted one costs twice as
much a call. It authenticates, bounds and reads every body under /v1, so that
what stands behind gets known callers and small bodies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from ..protocol.calls import CALLS
from ..protocol.encoding import NDJSON_TYPE, PROTOCOL, load_body, read_step, read_steps
from ..protocol.problems import Refused, bad_request, not_a_key, not_for_metrics, reads_only
from ..protocol.router_problems import not_a_router
from ..protocol.types import Problem, StepItem
from . import openenv, websocket
from .asgi import App, Headers, Message, Receive, Scope, Send, read_body
from .board_calls import visitor
from .dispatch import Calls, refusal_response
from .group_commit import GroupCommit
from .keys import ANYONE, Caller, Keys
from .link import LinkEnd
from .messages import JSON_TYPE, WELCOME, Later, Request, Response
from .visitors import Visitors, check_json_type

_STEP, _STEPS = CALLS["step"], CALLS["steps"]
_PREFIX, _SUFFIX = _STEP.path.split("{id}")
_BATCH = _STEPS.path
_PROTOCOL_HEADER = (b"turnwise-protocol", str(PROTOCOL).encode())
Asked = tuple[Caller, list[StepItem], bool, float | None]
_JSON_HEADER = (b"content-type", JSON_TYPE.encode())


class FrontDoor:
    """The application in front: it answers steps itself and guards the rest.

    Args:
        calls: the calls of the protocol.
        behind: the application of the control plane.
        keys: who may call; None lets anyone.
        visitors: whose pages may call, and by which names.
        direct: let a protocol that can do so take steps by `try_now`, without a task.
    """

    def __init__(
        self,
        calls: Calls,
        behind: App,
        keys: Keys | None = None,
        *,
        visitors: Visitors | None = None,
        direct: bool = True,
    ) -> None:
        self._calls, self._behind, self._keys, self.direct = calls, behind, keys, direct
        self._visitors = visitors or Visitors()
        self._limits = calls.service.limits
        self.commits = GroupCommit(calls)

    def look_at_keys(self) -> None:
        """See whether the keys have changed; a server does so as time goes by."""
        if self._keys is not None:
            self._keys.look()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}  # whoever sends the answer leaves its body out
            await self._request(scope, receive, send)
        else:
            await self._behind(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._visitors.check(scope["headers"])
            if scope["path"] == "/metrics" and self._keys is not None:
                if not self._keys.reads_metrics(_header(scope["headers"], b"authorization")):
                    raise Refused(not_for_metrics())
                _welcome(scope)
            if not scope["path"].startswith("/v1/"):
                await self._behind(scope, receive, send)
                return
            caller = self._caller(scope["headers"])
            if caller is None:
                caller = visitor(scope["method"], scope["path"], self._calls.hosting)
            if caller is None:
                raise Refused(self._not_known(scope["headers"]))
            _welcome(scope)
            self._calls.admit(caller)
            if scope["method"] == "POST":
                check_json_type(_header(scope["headers"], b"content-type") or b"")
            declared = _header(scope["headers"], b"content-length") or b""
            body = await read_body(receive, declared, self._limits.max_body_bytes)
            if body is None:
                return
            answer = await self._hot(scope, caller, body, send)
        except Refused as refusal:
            answer = refusal_response(self._calls, refusal)
        else:
            if answer is None:
                return
            if answer is _BEHIND:
                scope["turnwise.caller"] = caller
                await self._behind(scope, _replayed(body, receive), send)
                return
        await _send(send, answer)

    def try_now(self, path: str, headers: Headers, body: bytes) -> tuple[Response, bool] | Later | None:
        """Answer a request for steps that run synchronously, as it would be answered otherwise.

        Args:
            path: of a POST without a query.
            headers: with names in lower case.
            body: the whole of it.

        Returns:
            the answer, and whether it has to wait for `commits`; None, with nothing
            done, if a step has to be waited for, the request is refused, or it is another one.
        """
        asked = self.read_steps(path, headers, body)
        if asked is None:
            return None
        caller, items, single, _ = asked
        try:
            if not self._calls.runs_now(caller, items):
                return None
            self._calls.admit(caller)
        except Refused:
            return None
        if single:
            answer = self._calls.step_now(caller, items[0])
            return answer, answer.status == 200 and self._calls.service.journal.dirty
        return self._calls.steps_now(caller, items), self._calls.service.journal.dirty

    def read_steps(self, path: str, headers: Headers, body: bytes) -> Asked | None:
        """Read a request for steps whose answer is one document; None if it is refused, or another one.

        Returns:
            who asks, the steps, whether it is a single one, and how many seconds the client waits.
        """
        single = path.startswith(_PREFIX) and path.endswith(_SUFFIX)
        if (not single and path != _BATCH) or len(body) > self._limits.max_body_bytes:
            return None
        given = dict(headers)
        if len(given) != len(headers):
            return None  # a header twice is for those to judge who see all of them
        try:
            self._visitors.check_names(given.get(b"host", b""), given.get(b"origin", b""))
            caller = ANYONE if self._keys is None else self._keys.identify(given.get(b"authorization"))
            if caller is None or (not single and _wants_lines(headers)):
                return None
            check_json_type(given.get(b"content-type", b""))
            document = load_body(body)
            if single:
                items = [read_step(document, path[len(_PREFIX) : -len(_SUFFIX)], self._limits)]
            else:
                items = read_steps(document, self._limits)
            # a number, also where it means nothing
            wait_s = wait_of(headers, self._limits.max_wait_s) if b"prefer" in given else None
        except Refused:
            return None
        return caller, items, single, wait_s

    def link(self, headers: Headers, connections: set[Any]) -> LinkEnd | Response:
        """Open a link for a router, or say why not; see `link`."""
        try:
            self._visitors.check(headers)
        except Refused as refusal:
            return refusal_response(self._calls, refusal)
        if self._keys is not None and not self._keys.routes(_header(headers, b"authorization")):
            return self._calls.refused(not_a_router())
        return LinkEnd(self._calls, self.commits, connections)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a websocket; hang up on one that nobody has here, or a page of another place opens."""
        try:
            self._visitors.check(scope["headers"])
        except Refused:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        caller = self._caller(scope["headers"])
        if scope["path"] == websocket.PATH:
            around = scope.get("turnwise.around")
            if caller is not None:
                _welcome(scope)
            known = partial(_welcome, scope)
            await websocket.serve_socket(self._calls, self._keys, caller, receive, send, known, around)
            return
        named = caller.benchmarks if caller is not None else ()
        env_id = openenv.env_of(scope["path"], named or self._calls.service.catalogue.ids())
        if env_id is None:
            await self._behind(scope, receive, send)
            return
        if caller is not None:
            _welcome(scope)
        await openenv.serve_openenv(self._calls, caller, env_id, receive, send)

    def _caller(self, headers: Headers) -> Caller | None:
        if self._keys is None:
            return ANYONE
        return self._keys.identify(_header(headers, b"authorization"))

    def _not_known(self, headers: Headers) -> Problem:
        header = _header(headers, b"authorization")
        return reads_only() if self._keys is not None and self._keys.only_reads(header) else not_a_key()

    async def _hot(self, scope: Scope, caller: Caller, body: bytes, send: Send) -> Response | None:
        """Answer a step; None when the answer was streamed, _BEHIND when it is not one."""
        path: str = scope["path"]
        if scope["method"] != "POST" or not path.endswith(_SUFFIX):
            return _BEHIND
        if path.startswith(_PREFIX):
            id = path[len(_PREFIX) : -len(_SUFFIX)]
            document = load_body(body)
            item = read_step(document, id, self._limits)
            request = Request(caller, document, id, None, self._wait_s(scope), fields_of(scope))
            return await self._calls.respond(_STEP, request, item)
        if path != _BATCH:
            return _BEHIND
        scope["turnwise.document"] = document = load_body(body)
        items = read_steps(document, self._limits)
        if _wants_lines(scope["headers"]):
            await self._stream(caller, items, fields_of(scope), send)
            return None
        request = Request(caller, wait_s=self._wait_s(scope), fields=fields_of(scope))
        return self._calls.batch(await self._calls.rows(_STEPS, request, items))

    def _wait_s(self, scope: Scope) -> float | None:
        return wait_of(scope["headers"], self._limits.max_wait_s)

    async def _stream(self, caller: Caller, items: Any, fields: Sequence[str], send: Send) -> None:
        head = [(b"content-type", NDJSON_TYPE.encode()), _PROTOCOL_HEADER]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        async for chunk in self._calls.stream(caller, items, fields):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


_BEHIND = Response(0, b"")


def _welcome(scope: Scope) -> None:
    """Tell the connection that somebody known is at the other end."""
    welcome = scope.get("state", {}).get(WELCOME)
    if welcome is not None:
        welcome()


def wait_of(headers: Headers, most_s: float) -> float | None:
    """Read how long the client waits: `Prefer: wait=SECONDS` (RFC 7240).

    Raises:
        Refused: if the value is not a number of seconds.
    """
    prefer = _header(headers, b"prefer")
    if prefer is None:
        return None
    for part in prefer.decode("latin-1").split(","):
        name, _, value = part.strip().partition("=")
        if name.strip().lower() == "wait":
            try:
                seconds = float(value)
            except ValueError:
                seconds = -1.0
            if not 0 <= seconds < float("inf"):
                raise Refused(bad_request("Prefer: wait is no number of seconds", value, "e.g. wait=10"))
            return min(seconds, most_s)
    return None


def fields_of(scope: Scope) -> Sequence[str]:
    """Read `fields=` of the query: keys of info to keep, or with a minus to leave out."""
    if not scope["query_string"]:
        return ()
    given = parse_qs(scope["query_string"].decode("latin-1")).get("fields", [])
    return [name for part in given for name in part.split(",") if name]


def _wants_lines(headers: Headers) -> bool:
    return NDJSON_TYPE.encode() in (_header(headers, b"accept") or b"")


def _header(headers: Headers, name: bytes) -> bytes | None:
    for key, value in headers:
        if key == name:
            return value
    return None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, again."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _send(send: Send, answer: Response) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": response_headers(answer),
        }
    )
    await send({"type": "http.response.body", "body": answer.body})


def response_headers(answer: Response) -> list[tuple[bytes, bytes]]:
    """Give the headers of an answer."""
    kind = _JSON_HEADER if answer.media_type is JSON_TYPE else (b"content-type", answer.media_type.encode())
    headers = [kind, (b"content-length", b"%d" % len(answer.body)), _PROTOCOL_HEADER]
    if answer.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(answer.retry_after_s))))
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers
