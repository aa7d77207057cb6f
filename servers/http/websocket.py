"""The calls of the protocol over one websocket, at /v1/ws.

A message is `{"request": N, "call": NAME, "body": {...}}`, with `wait_s` and
`fields` where the call knows them; its answer is `{"request": N, "status": S,
"body": {...}}` with what HTTP would answer, and `retry_after_s` where it would
say Retry-After. Answers come as they are ready, so
a slow environment holds nobody; N tells them apart. A client that cannot send headers
says its key in a first call `hello` with the body `{"key": "..."}`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from ..protocol.calls import CALLS, Call
from ..protocol.encoding import PROTOCOL, load_body
from ..protocol.problems import Refused, bad_request, internal_error, not_a_key, too_large
from .asgi import Receive, Send
from .dispatch import Calls, refusal_response
from .keys import Caller, Keys
from .messages import Request, Response

log = logging.getLogger("turnwise.servers")

PATH = "/v1/ws"
_MAX_IN_FLIGHT = 64
_MEMBERS = {"request", "call", "body", "wait_s", "fields"}

AnswerTo = Callable[[dict[str, Any]], Awaitable[Response]]
Around = Callable[[dict[str, Any], AnswerTo], Awaitable[Response]]


async def serve_socket(
    calls: Calls,
    keys: Keys | None,
    caller: Caller | None,
    receive: Receive,
    send: Send,
    welcome: Callable[[], None] = lambda: None,
    around: Around | None = None,
) -> None:
    """Serve one websocket until it is closed, each call inside `around`; `welcome` who says a key."""
    await receive()  # the wish to connect
    await send({"type": "websocket.accept", "headers": [(b"turnwise-protocol", str(PROTOCOL).encode())]})
    socket = _Socket(calls, keys, caller, send, welcome, around)
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            await socket.take(message.get("text") or message.get("bytes") or b"")
    finally:
        await socket.end()


class _Socket:
    """The messages of one connection, and their answers."""

    def __init__(
        self,
        calls: Calls,
        keys: Keys | None,
        caller: Caller | None,
        send: Send,
        welcome: Callable[[], None],
        around: Around | None,
    ) -> None:
        self._calls, self._keys, self._caller, self._send = calls, keys, caller, send
        self._welcome, self._around = welcome, around
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(_MAX_IN_FLIGHT)

    async def take(self, text: str | bytes) -> None:
        """Answer a message on its own; with many in flight, wait before the next is read."""
        await self._room.acquire()
        task = asyncio.create_task(self._answer(text if isinstance(text, bytes) else text.encode()))
        self._tasks.add(task)
        self._calls.under_way.add(task)
        task.add_done_callback(self._done)

    async def end(self) -> None:
        """Stop answering; what was begun in sessions goes on there."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._calls.under_way.discard(task)
        self._room.release()

    async def _answer(self, text: bytes) -> None:
        number: Any = None
        try:
            limits = self._calls.service.limits
            if len(text) > limits.max_body_bytes:
                raise Refused(too_large("bytes of the message", len(text), limits.max_body_bytes))
            document = load_body(text)
            given = document.get("request")
            number = given if isinstance(given, int | float | str) else None
            if self._caller is not None:
                self._calls.admit(self._caller)
            around = self._around
            answer = await (self._call(document) if around is None else around(document, self._call))
        except Refused as refusal:
            answer = refusal_response(self._calls, refusal)
        except Exception:
            log.exception("a call of a websocket failed")
            answer = refusal_response(self._calls, Refused(internal_error()))
        head = {"request": number, "status": answer.status}
        if answer.retry_after_s is not None:
            head["retry_after_s"] = answer.retry_after_s
        body = (orjson.dumps(head)[:-1] + b',"body":' + answer.body + b"}").decode()
        await self._send({"type": "websocket.send", "text": body})

    async def _call(self, document: dict[str, Any]) -> Response:
        body, call = document.get("body", {}), document.get("call")
        if set(document) - _MEMBERS or not isinstance(body, dict) or type(document.get("request")) is not int:
            raise Refused(
                bad_request(
                    "a message has the members request (int), call and body",
                    sorted(document),
                    {"request": 1, "call": "step", "body": {}},
                )
            )
        if call == "hello":
            return self._hello(body)
        if self._caller is None:
            raise Refused(not_a_key())
        return await self._answered(self._caller, document, call, body)

    async def _answered(self, caller: Caller, document: dict[str, Any], name: Any, body: Any) -> Response:
        wait_s, fields = self._wait_s(document), _fields(document)
        row = CALLS.get(str(name))
        if row is None or not row.on_websocket:
            raise Refused(bad_request("there is no such call", str(name), names()))
        id, turn = "", None
        if not row.body:
            _check_members(body, *_members_of(row))
        if row.of_session:
            id = _id(body)
            body = {member: value for member, value in body.items() if member != "id"}
        if "turn" in row.takes:
            turn = _turn(body)
        return await self._calls.call(row, Request(caller, body, id, turn, wait_s, fields))

    def _hello(self, body: dict[str, Any]) -> Response:
        _check_members(body, "key")
        if self._keys is not None:
            caller = self._keys.identify(f"Bearer {body.get('key')}".encode("utf-8", "replace"))
            if caller is None:
                raise Refused(not_a_key())
            self._caller = caller
            self._welcome()
        return Response(200, orjson.dumps({"protocol": PROTOCOL}))

    def _wait_s(self, document: dict[str, Any]) -> float | None:
        wait_s = document.get("wait_s")
        if wait_s is None:
            return None
        if isinstance(wait_s, bool) or not isinstance(wait_s, int | float) or wait_s < 0:
            raise Refused(bad_request("wait_s is no number of seconds", wait_s, "e.g. 10"))
        return min(float(wait_s), self._calls.service.limits.max_wait_s)


def names() -> list[str]:
    """Return what calls a websocket knows."""
    return [*(call.name for call in CALLS.values() if call.on_websocket), "hello"]


def _members_of(call: Call) -> list[str]:
    """Return the members of a body that stand for path and query."""
    return ["id"] * call.of_session + ["turn"] * ("turn" in call.takes)


def _id(body: dict[str, Any]) -> str:
    id = body.get("id")
    if not isinstance(id, str):
        raise Refused(bad_request("the body has no text id", id, {"id": "..."}))
    return id


def _turn(body: dict[str, Any]) -> int | None:
    turn = body.get("turn")
    if turn is not None and not (type(turn) is int and turn >= 0):
        raise Refused(bad_request("turn is no whole number from 0", turn, {"id": "...", "turn": 3}))
    return turn


def _check_members(body: dict[str, Any], *known: str) -> None:
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise Refused(bad_request(f"unknown member {unknown[0][:100]!r} of the body", unknown, known))


def _fields(document: dict[str, Any]) -> list[str]:
    fields = document.get("fields", [])
    if not (isinstance(fields, list) and all(isinstance(name, str) for name in fields)):
        raise Refused(bad_request("fields is no list of texts", fields, ["-admissible"]))
    return fields
