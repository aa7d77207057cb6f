"""A session of a server behind an episode: the harness steps it here, so that each step is known."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from ...servers.client import SessionClient
from ...servers.protocol.types import CreateItem, Problem, Reply, StepItem
from ..rollout.config import TaskItem
from .asked import Refusal

_WITHHELD = ("private",)


class SessionBehind:
    """One session, and the last that it said.

    Args:
        client: the service that holds it.
        reply: its last.
        own: whether it is closed with the episode.
    """

    def __init__(self, client: SessionClient, reply: Reply, *, own: bool) -> None:
        self.client, self.reply, self.own = client, reply, own
        self.lock = asyncio.Lock()  # steps follow one another

    @classmethod
    async def create(cls, client: SessionClient, task: TaskItem, request_id: str) -> SessionBehind:
        """Open a session of a task.

        Raises:
            Refusal: if the service refuses it.
            ServerError: if the service gives no answer.
        """
        item = CreateItem(task.env_id, task.kwargs, task.seed, task.options)
        return cls(client, _reply((await client.create([item], request_id=request_id))[0]), own=True)

    @classmethod
    async def adopt(cls, client: SessionClient, id: str) -> SessionBehind:
        """Take note of a session that there is already.

        Raises:
            RequestRefused: if there is no such session.
            ServerError: if the service gives no answer.
        """
        document = (await client.describe(id))["last"]
        kept = {name: document[name] for name in Reply.__slots__ if name in document}
        return cls(client, Reply(**kept), own=False)

    @property
    def info(self) -> dict[str, Any]:
        """Return what the session says beside its observation."""
        return self.reply.info

    @property
    def state_key(self) -> str:
        """Return the key of the state that it is in."""
        return str(self.reply.info.get("state_key", self.reply.observation))

    @property
    def is_over(self) -> bool:
        """Tell whether its episode has ended."""
        return self.reply.done or self.reply.end is not None

    async def step(self, item: StepItem) -> tuple[Reply, bool]:
        """Take a step; return the reply, and whether it is a new one.

        Raises:
            Refusal: if the session refuses it.
            ServerError: if the service gives no answer.
        """
        reply = _reply((await self.client.step([item]))[0])
        new = reply.turn > self.reply.turn or (reply.end is not None and self.reply.end is None)
        if new:
            self.reply = reply
        return reply, new

    async def aclose(self) -> None:
        """Close the session, if it was opened for the episode."""
        if self.own:
            await self.client.close([self.reply.id])


def shown(reply: Reply) -> dict[str, Any]:
    """Return a reply as the harness is shown it: without what is private."""
    document = asdict(reply)
    document["info"] = {name: value for name, value in reply.info.items() if name not in _WITHHELD}
    return document


def _reply(row: Reply | Problem) -> Reply:
    if isinstance(row, Problem):
        raise Refusal(row.status, row.code, f"{row.detail}; {row.todo}" if row.todo else row.detail)
    return row
