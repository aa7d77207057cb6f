"""A session driven by OpenEnv's messages.

What OpenEnv has no words for, turns, repetition and replay, is kept on our side: the
connection drives a session like any other, and closes it when it ends.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import orjson

from ...envs.seeds import SEED_END
from ..protocol.bodies import Batch
from ..protocol.calls import CALLS, Call
from ..protocol.problems import Refused, bad_request
from ..protocol.types import CreateItem, Problem, ResetItem, StepItem
from .dispatch import Calls
from .keys import Caller
from .messages import Request

log = logging.getLogger("turnwise.servers")


class SessionPlayer:
    """One session of an environment.

    Args:
        calls: of the server.
        caller: whose session it is.
        env_id: of the environment.
    """

    def __init__(self, calls: Calls, caller: Caller, env_id: str) -> None:
        self._calls, self._caller, self._env_id = calls, caller, env_id
        self._last: dict[str, Any] | None = None

    async def reset(self, data: dict[str, Any]) -> dict[str, Any]:
        """Begin an episode, in a session that is made for the first.

        Raises:
            Refused: if the seed is not one, or the environment refuses.
        """
        seed = data.get("seed")
        if seed is not None and not (type(seed) is int and 0 <= seed < SEED_END):
            raise Refused(bad_request("seed is no whole number from 0", seed, "e.g. 0"))
        options = {key: value for key, value in data.items() if key not in ("seed", "episode_id")} or None
        if self._last is None:
            item = CreateItem(self._env_id, {}, seed or 0, options)
            request = Request(self._caller)
            answer = await self._calls.respond(CALLS["create"], request, Batch([item], None))
            document = orjson.loads(answer.body)
            return self._told(document["sessions"][0] if "sessions" in document else document)
        again = ResetItem(self._last["id"], self._last["episode"] + 1, seed, options)
        try:
            return await self._row(CALLS["reset"], again)
        except Refused as refusal:
            if refusal.problem.code != "unknown_session":
                raise
        self._last = None  # it is gone: begin with another
        return await self.reset(data)

    async def step(self, action: str) -> dict[str, Any]:
        """Take a step.

        Raises:
            Refused: if there was no reset, or it does not follow.
        """
        last = self._last
        if last is None:
            raise Refused(bad_request("there was no reset", action, {"type": "reset"}))
        item = StepItem(last["id"], last["episode"], last["turn"], action)
        return await self._row(CALLS["steps"], item)

    def state(self) -> dict[str, Any]:
        """Say where the episode stands."""
        last = self._last or {"id": None, "episode": 0, "turn": 0}
        return {"episode_id": last["id"] and f"{last['id']}:{last['episode']}", "step_count": last["turn"]}

    def keep(self) -> None:
        """Renew the lease."""
        self._beside("heartbeat")

    def end(self) -> None:
        """Close the session."""
        self._beside("close")

    def _beside(self, name: str) -> None:
        """Make a call for the session that nobody waits for."""
        if self._last is not None:
            call = self._calls.respond(CALLS[name], Request(self._caller), [self._last["id"]])
            task = asyncio.ensure_future(call)
            self._calls.under_way.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._calls.under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a session of OpenEnv is left to its lease: %s", error)

    async def _row(self, call: Call, item: ResetItem | StepItem) -> dict[str, Any]:
        (row,) = await self._calls.rows(call, Request(self._caller), [item])
        return self._told(orjson.loads(row))

    def _told(self, reply: dict[str, Any]) -> dict[str, Any]:
        if "code" in reply:
            raise Refused(Problem(reply["status"], reply["code"], reply["detail"]))
        self._last = reply
        return {
            "observation": {"text": reply["observation"], "info": reply["info"]},
            "reward": reply["reward"],
            "done": reply["terminated"] or reply["truncated"],
        }
