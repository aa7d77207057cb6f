"""Environments served the way OpenEnv serves them, so that its clients drive ours.

Its client opens a websocket at BASE/ws and sends reset, step, state and close;
one connection is one environment. BASE is the server's address where one
environment is offered, and ADDRESS/openenv/ENV_ID for any of them; its client sends no
headers, so ADDRESS/key/SECRET and ADDRESS/key/SECRET/openenv/ENV_ID carry a key, which
`bounded_socket` takes out of the path before anybody sees it. An action is
`{"action": TEXT}`; an observation is `{"text": TEXT, "info": {...}}`. What a connection
drives is a session (`openenv_session`), or, with a key that plays benchmarks, whose names stand
for ENV_ID then, the tasks of a hosted run (`openenv_run`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import orjson

from ..protocol.encoding import check_depth, load_body
from ..protocol.problems import Refused, bad_request, not_a_key, too_large
from .asgi import Receive, Send
from .dispatch import Calls
from .keys import Caller
from .openenv_run import RunPlayer
from .openenv_session import SessionPlayer

_PREFIX, _SUFFIX = "/openenv/", "/ws"
_CODES = {
    "environment_failed": "FACTORY_ERROR",
    "capacity": "CAPACITY_REACHED",
    "invalid_request": "VALIDATION_ERROR",
}
_KEY = "open ADDRESS/key/SECRET, or ADDRESS/key/SECRET/openenv/ENV_ID"
_WHICH = "open ADDRESS/openenv/ENV_ID, with an id of GET /v1/envs or a name of GET /v1/benchmarks"


class Player(Protocol):
    """What a connection drives. A reply is `observation`, `reward` and `done`, as OpenEnv names them."""

    async def reset(self, data: dict[str, Any]) -> dict[str, Any]:
        """Begin an episode; return its first reply."""
        ...

    async def step(self, action: str) -> dict[str, Any]:
        """Take a step; return its reply."""
        ...

    def state(self) -> dict[str, Any]:
        """Say where the episode stands."""
        ...

    def keep(self) -> None:
        """Renew what would run out; called three times in the life of a lease."""
        ...

    def end(self) -> None:
        """Let go: the connection has ended."""
        ...


def env_of(path: str, offered: Sequence[str]) -> str | None:
    """Return which environment a path asks for, "" if it does not say; None if it is another path."""
    if path == _SUFFIX:
        return offered[0] if len(offered) == 1 else ""
    if path.startswith(_PREFIX) and path.endswith(_SUFFIX):
        return path[len(_PREFIX) : -len(_SUFFIX)]
    return None


async def serve_openenv(
    calls: Calls, caller: Caller | None, env_id: str, receive: Receive, send: Send
) -> None:
    """Serve one OpenEnv connection until it is closed."""
    await receive()  # the wish to connect
    await send({"type": "websocket.accept"})
    line = _Line(calls, caller, env_id)
    renewing = asyncio.create_task(line.keep())
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text") or message.get("bytes") or b""
            taking = asyncio.create_task(line.take(text.encode() if isinstance(text, str) else text))
            calls.under_way.add(taking)
            taking.add_done_callback(calls.under_way.discard)
            answer = await taking
            if answer is None:
                await send({"type": "websocket.close", "code": 1000})
                return
            await send({"type": "websocket.send", "text": answer.decode()})
    finally:
        renewing.cancel()
        line.end()


class _Line:
    """One connection: messages in, what a player answers out."""

    def __init__(self, calls: Calls, caller: Caller | None, env_id: str) -> None:
        self._calls, self._caller, self._env_id = calls, caller, env_id
        self._player: Player | None = None
        if caller is not None and env_id:
            kind = RunPlayer if caller.benchmarks else SessionPlayer
            self._player = kind(calls, caller, env_id)

    async def take(self, text: bytes) -> bytes | None:
        """Answer one message; None ends the connection."""
        try:
            document = load_body(text)
            check_depth(document, self._calls.service.limits.max_depth)
            if document.get("type") == "close":
                return None
            return await self._answer(document)
        except Refused as refusal:
            problem = refusal.problem
            code = _CODES.get(problem.code, "SESSION_ERROR")
            words = f"{problem.detail}; {problem.todo}" if problem.todo in (_KEY, _WHICH) else problem.detail
            return _message("error", {"message": words, "code": code})

    async def keep(self) -> None:
        """Renew what would run out for as long as the connection is open."""
        while True:
            await asyncio.sleep(self._calls.service.limits.ttl_s / 3)
            if self._player is not None:
                self._player.keep()

    def end(self) -> None:
        """Let go."""
        if self._player is not None:
            self._player.end()

    async def _answer(self, document: dict[str, Any]) -> bytes:
        player = self._playing()
        kind, data = document.get("type"), document.get("data", {})
        if not isinstance(data, dict):
            raise Refused(bad_request("data is no object", data, {}))
        if kind == "reset":
            return _message("observation", await player.reset(data))
        if kind == "step":
            return _message("observation", await player.step(self._action(data)))
        if kind == "state":
            return _message("state", player.state())
        raise Refused(bad_request("there is no such message", kind, ["reset", "step", "state", "close"]))

    def _playing(self) -> Player:
        """Return what this connection drives.

        Raises:
            Refused: if it has no key, says not what to play, or asks too often.
        """
        if self._caller is None:
            raise Refused(replace(not_a_key(), todo=_KEY))
        if self._player is None:
            offered = self._caller.benchmarks or self._calls.service.catalogue.ids()
            raise Refused(
                replace(bad_request("this server offers several environments", None, offered), todo=_WHICH)
            )
        self._calls.admit(self._caller)
        return self._player

    def _action(self, data: dict[str, Any]) -> str:
        action, limit = data.get("action"), self._calls.service.limits.max_action_chars
        if not isinstance(action, str):
            raise Refused(bad_request("the action has no text", data, {"action": "..."}))
        if len(action) > limit:
            raise Refused(too_large("characters of the action", len(action), limit))
        return action


def _message(kind: str, data: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "data": data})
