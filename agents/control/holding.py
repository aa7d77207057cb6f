"""What is asked of an evaluation or a suite, done to the rollouts that it plays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from ...errors import ServerError, Stopped
from ...servers.client import SessionClient
from ..rollout.gate import Gate
from .process import Asked, Control

_LOOK_S = 0.25
_MOST_S = 60.0  # between two renewals of leases

log = logging.getLogger(__name__)


class Holding:
    """The control of what is played by rollouts, one after the other.

    Args:
        control: takes the requests.

    Attributes:
        gate: of these rollouts.
        given: how many tasks an evaluation was given.
        episodes: how many of them it plays.
        changed: what was changed that a result has to say.
    """

    def __init__(self, control: Control) -> None:
        self.gate = Gate()
        self.given = self.episodes = 0
        self.changed: list[dict[str, Any]] = []
        self.client: SessionClient | None = None
        self._control = control
        self._stops: list[Asked] = []
        self._again: list[Asked] = []
        self._renew_at = 0.0

    def look(self) -> None:
        """Do what was asked since the last time."""
        for asked in self._control.take():
            getattr(self, f"_{asked.wish.word}")(asked)
            self.gate.changed()
        stands = "stopping" if self.gate.ending else "going on" if self.gate.is_open else "paused"
        self._control.note(stands)

    def take_again(self) -> bool:
        """Tell whether what failed by the machine's fault is to be played again; each request counts once."""
        self.look()
        asked, self._again = self._again, []
        for each in asked:
            self._control.answer(each, "what failed by the machine's fault is played again now")
        return bool(asked)

    def check(self, ended: int, wanted: int, what: str = "cells") -> None:
        """Stop here, if that was asked and not all is played.

        Raises:
            Stopped: with how far it came.
        """
        said = f"stopped after {ended} of {wanted} {what}"
        for each in self._stops:
            self._control.answer(each, said)
        self._stops = []
        if self.gate.ending and ended < wanted:
            raise Stopped(said)

    async def keep_looking(self) -> None:
        """Look for requests until cancelled, and keep sessions alive while everything stands."""
        while True:
            self.look()
            if not self.gate.is_open and self.client:
                await self._renew(self.client, asyncio.get_running_loop().time())
            await asyncio.sleep(_LOOK_S)

    async def _renew(self, client: SessionClient, now: float) -> None:
        """Renew leases three times in the life of one."""
        if now < self._renew_at:
            return
        try:
            self._renew_at = now + min(await client.renew() / 3, _MOST_S)
        except ServerError as error:
            log.warning("sessions were not renewed while paused: %s", error)

    def _pause(self, asked: Asked) -> None:
        if self.gate.ending:
            self._control.answer(asked, "it is stopping", done=False)
            return
        self.gate.shut()
        self._control.answer(asked, "paused: every episode stands before its next message or step")

    def _resume(self, asked: Asked) -> None:
        was_open = self.gate.is_open
        self.gate.open()
        self._control.answer(asked, "it was not paused" if was_open else "goes on", done=not was_open)

    def _stop(self, asked: Asked) -> None:
        self._stops.append(asked)
        self.gate.ending = True
        self.gate.open()  # those under way are played to their end

    def _requeue(self, asked: Asked) -> None:
        self._again.append(asked)

    def _limit(self, asked: Asked) -> None:
        limits, said = asked.wish.limits, []
        if limits.get("episodes", 0) > self.given:
            told = f"it was given {self.given} episodes: its command with a larger --episodes plays more"
            self._control.answer(asked, told, done=False)
            return
        if slots := int(limits.get("slots", 0)):
            self.gate.slots = slots
            said.append(f"slots={slots} from the next episode on")
        if episodes := int(limits.get("episodes", 0)):
            self.episodes = episodes
            at = datetime.now(UTC).isoformat(timespec="seconds")
            self.changed.append({"episodes": episodes, "given": self.given, "who": asked.who, "at": at})
            said.append(f"episodes={episodes}, the first ones, and the result will say so")
        self._control.answer(asked, "; ".join(said))


@asynccontextmanager
async def holding(control: Control, client: SessionClient | None = None) -> AsyncIterator[Holding]:
    """Look for requests in the background for as long as something is played."""
    held = Holding(control)
    held.client = client
    looking = asyncio.create_task(held.keep_looking())
    try:
        yield held
    finally:
        looking.cancel()
        await asyncio.wait({looking})
