"""The calls of the protocol over one websocket, at /v1/ws.

A message is `{"request": N, "call": NAME, "body": {...}}`, with `wait_s` and
`fields` where the call knows them; its answer is `{"request": N, "status": S,
"body": {...}}` with what HTTP would answer, and `retry_after_s` where it would
say Retry-After. Answers come as they are ready, so
a slow environment holds nobody; N tells them apart. Whoever cannot send headers
says its key in a first call `hello` with the body `{"key": "..."}`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from ..protocol.encoding import PROTOCOL, load_body, read_step, read_steps
from ..protocol.problems import Refused, bad_request, not_a_key, too_large
from .dispatch import Answer, Calls, refusal_answer
from .keys import Caller, Keys

__all__ = ["CALLS", "PATH", "serve_socket"]

PATH = "/v1/ws"
_MAX_IN_FLIGHT = 64
_MEMBERS = {"request", "call", "body", "wait_s", "fields"}
CALLS = ["step", "steps", "create", "reset", "fork", "close", "heartbeat", "describe", "journal"]
CALLS += ["sessions", "envs", "hello"]

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AnswerTo = Callable[[dict[str, Any]], Awaitable[Answer]]
Around = Callable[[dict[str, Any], AnswerTo], Awaitable[Answer]]


async def serve_socket(
    calls: Calls,
    keys: Keys | None,
    caller: Caller | None,
    receive: Receive,
    send: Send,
    around: Around | None = None,
) -> None:
    """Serve one websocket until it is closed, each call inside `around`."""
    await receive()  # the wish to connect
    await send({"type": "websocket.accept", "headers": [(b"turnwise-protocol", str(PROTOCOL).encode())]})
    socket = _Socket(calls, keys, caller, send, around)
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            await socket.take(message.get("text") or message.get("bytes") or b"")
    finally:
        await socket.end()


class _Socket:
    """Answer the messages of one connection."""

    def __init__(
        self, calls: Calls, keys: Keys | None, caller: Caller | None, send: Send, around: Around | None
    ) -> None:
        self._calls, self._keys, self._caller, self._send = calls, keys, caller, send
        self._around = around
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
            document = load_body(text, limits)
            given = document.get("request")
            number = given if isinstance(given, int | float | str) else None
            if self._caller is not None:
                self._calls.admit(self._caller)
            around = self._around
            answer = await (self._call(document) if around is None else around(document, self._call))
        except Refused as refusal:
            answer = refusal_answer(self._calls, refusal)
        told = {"request": number, "status": answer.status}
        if answer.retry_after_s is not None:
            told["retry_after_s"] = answer.retry_after_s
        head = orjson.dumps(told)
        body = (head[:-1] + b',"body":' + answer.body + b"}").decode()
        await self._send({"type": "websocket.send", "text": body})

    async def _call(self, document: dict[str, Any]) -> Answer:
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
        return await self._dispatch(self._caller, str(call), body, self._wait_s(document), _fields(document))

    def _hello(self, body: dict[str, Any]) -> Answer:
        _check_members(body, "key")
        if self._keys is not None:
            caller = self._keys.identify(f"Bearer {body.get('key')}".encode("utf-8", "replace"))
            if caller is None:
                raise Refused(not_a_key())
            self._caller = caller
        return Answer(200, orjson.dumps({"protocol": PROTOCOL}))

    async def _dispatch(
        self, caller: Caller, call: str, body: dict[str, Any], wait_s: float | None, fields: list[str]
    ) -> Answer:
        calls, limits = self._calls, self._calls.service.limits
        if call == "step":
            item = read_step({k: v for k, v in body.items() if k != "id"}, _id(body), limits)
            return await calls.step(caller, item, wait_s, fields)
        if call == "steps":
            return await calls.steps(caller, read_steps(body, limits), wait_s, fields)
        if call == "create":
            return (await calls.create(caller, body, wait_s or 0.0)).only(fields)
        if call == "reset":
            return await calls.reset(caller, body, fields)
        if call == "fork":
            return (await calls.fork(caller, body, wait_s or 0.0)).only(fields)
        if call == "close":
            return await calls.close(caller, body)
        if call == "heartbeat":
            return await calls.heartbeat(caller, body)
        if call == "describe":
            _check_members(body, "id", "turn")
            return (await calls.describe(caller, _id(body), _turn(body), wait_s or 0.0)).only(fields)
        if call == "journal":
            _check_members(body, "id")
            return await calls.journal(caller, _id(body))
        if call == "sessions":
            _check_members(body)
            return await calls.sessions(caller)
        if call == "envs":
            _check_members(body)
            return calls.envs()
        raise Refused(bad_request("there is no such call", call, CALLS))

    def _wait_s(self, document: dict[str, Any]) -> float | None:
        wait_s = document.get("wait_s")
        if wait_s is None:
            return None
        if isinstance(wait_s, bool) or not isinstance(wait_s, int | float) or wait_s < 0:
            raise Refused(bad_request("wait_s is no number of seconds", wait_s, "e.g. 10"))
        return min(float(wait_s), self._calls.service.limits.max_wait_s)


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
