"""Environments served the way OpenEnv serves them, so that its clients drive ours.

Its client opens a websocket at BASE/ws and sends reset, step, state and close;
one connection is one environment. BASE is the server's address where one
environment is offered, and ADDRESS/openenv/ENV_ID for any of them; its client sends no
headers, so ADDRESS/key/SECRET and ADDRESS/key/SECRET/openenv/ENV_ID carry a key, which
`bounded_socket` takes out of the path before anybody sees it. An action is
`{"action": TEXT}`; an observation is `{"text": TEXT, "info": {...}}`. What OpenEnv
has no words for, turns, repetition and replay, is kept on our side: the
connection drives a session like any other, and closes it when it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import orjson

from ...envs.seeds import SEED_END
from ..benchmarks.refusals import key_for_runs
from ..protocol.encoding import check_depth, load_body
from ..protocol.problems import Refused, bad_request, not_a_key, too_large
from ..protocol.types import CreateItem, Problem, ResetItem, StepItem
from ..sessions.pending import settled
from .dispatch import Calls
from .keys import Caller

_PREFIX, _SUFFIX = "/openenv/", "/ws"
_CODES = {
    "environment_failed": "FACTORY_ERROR",
    "capacity": "CAPACITY_REACHED",
    "invalid_request": "VALIDATION_ERROR",
}
_KEY = "open ADDRESS/key/SECRET, or ADDRESS/key/SECRET/openenv/ENV_ID"
_WHICH = "open ADDRESS/openenv/ENV_ID, with an id of GET /v1/envs"

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def env_of(path: str, offered: list[str]) -> str | None:
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
    player = _Player(calls, caller, env_id)
    renewing = asyncio.create_task(player.keep())
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text") or message.get("bytes") or b""
            taking = asyncio.create_task(player.take(text.encode() if isinstance(text, str) else text))
            calls.under_way.add(taking)
            taking.add_done_callback(calls.under_way.discard)
            answer = await taking
            if answer is None:
                await send({"type": "websocket.close", "code": 1000})
                return
            await send({"type": "websocket.send", "text": answer.decode()})
    finally:
        renewing.cancel()
        player.end()


class _Player:
    """One session, driven by OpenEnv's messages."""

    def __init__(self, calls: Calls, caller: Caller | None, env_id: str) -> None:
        self._calls, self._caller, self._env_id = calls, caller, env_id
        self._service = calls.service
        self._last: dict[str, Any] | None = None

    async def take(self, text: bytes) -> bytes | None:
        """Answer one message; None ends the connection."""
        try:
            document = load_body(text)
            check_depth(document, self._service.limits.max_depth)
            if document.get("type") == "close":
                return None
            return await self._answer(document)
        except Refused as refusal:
            problem = refusal.problem
            code = _CODES.get(problem.code, "SESSION_ERROR")
            words = f"{problem.detail}; {problem.todo}" if problem.todo in (_KEY, _WHICH) else problem.detail
            return _message("error", {"message": words, "code": code})

    async def keep(self) -> None:
        """Renew the lease for as long as the connection is open, three times in the life of one."""
        while True:
            await asyncio.sleep(self._service.limits.ttl_s / 3)
            if self._last is not None and self._caller is not None:
                self._service.find(self._caller.name, self._last["id"])

    def end(self) -> None:
        """Close the session."""
        if self._last is not None and self._caller is not None:
            self._service.close(self._caller.name, [self._last["id"]])

    async def _answer(self, document: dict[str, Any]) -> bytes:
        if self._caller is None:
            raise Refused(replace(not_a_key(), todo=_KEY))
        if self._caller.benchmarks:
            raise Refused(key_for_runs("openenv"))
        if not self._env_id:
            offered = self._service.catalogue.ids()
            raise Refused(
                replace(bad_request("this server offers several environments", None, offered), todo=_WHICH)
            )
        self._calls.admit(self._caller)
        kind, data = document.get("type"), document.get("data", {})
        if not isinstance(data, dict):
            raise Refused(bad_request("data is no object", data, {}))
        if kind == "reset":
            return await self._reset(self._caller, data)
        if kind == "step":
            return await self._step(self._caller, data)
        if kind == "state":
            last = self._last or {"id": None, "episode": 0, "turn": 0}
            state = {
                "episode_id": last["id"] and f"{last['id']}:{last['episode']}",
                "step_count": last["turn"],
            }
            return _message("state", state)
        raise Refused(bad_request("there is no such message", kind, ["reset", "step", "state", "close"]))

    async def _reset(self, caller: Caller, data: dict[str, Any]) -> bytes:
        seed = data.get("seed")
        if seed is not None and not (type(seed) is int and 0 <= seed < SEED_END):
            raise Refused(bad_request("seed is no whole number from 0", seed, "e.g. 0"))
        options = {key: value for key, value in data.items() if key not in ("seed", "episode_id")} or None
        if self._last is None:
            item = CreateItem(self._env_id, {}, seed or 0, options)
            answer = await self._calls.creation.create(
                caller.name, [item], keep_private=not caller.evaluation
            )
            return self._told(orjson.loads(answer)["sessions"][0])
        again = ResetItem(self._last["id"], self._last["episode"] + 1, seed, options)
        try:
            return await self._settled(self._service.reset(caller.name, again))
        except Refused as refusal:
            if refusal.problem.code != "unknown_session":
                raise
        self._last = None  # it is gone: begin with another
        return await self._reset(caller, data)

    async def _step(self, caller: Caller, data: dict[str, Any]) -> bytes:
        action = data.get("action")
        if self._last is None or not isinstance(action, str):
            what = "the action has no text" if self._last else "there was no reset"
            raise Refused(bad_request(what, data, {"action": "..."}))
        limit = self._service.limits.max_action_chars
        if len(action) > limit:
            raise Refused(too_large("characters of the action", len(action), limit))
        item = StepItem(self._last["id"], self._last["episode"], self._last["turn"], action)
        return await self._settled(self._service.step(caller.name, item))

    async def _settled(self, pending: bytes | Problem | asyncio.Task[bytes | Problem]) -> bytes:
        answer = await settled(pending)
        if isinstance(answer, Problem):
            raise Refused(answer)
        await self._service.commit()
        return self._told(orjson.loads(answer))

    def _told(self, reply: dict[str, Any]) -> bytes:
        if "code" in reply:
            raise Refused(Problem(reply["status"], reply["code"], reply["detail"]))
        self._last = reply
        data = {
            "observation": {"text": reply["observation"], "info": reply["info"]},
            "reward": reply["reward"],
            "done": reply["terminated"] or reply["truncated"],
        }
        return _message("observation", data)


def _message(kind: str, data: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "data": data})
