"""An episode that is played on a page: by hand, by hand in a policy's stead, or by the expert."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

from ...errors import TurnwiseError
from ..client import SessionClient
from ..protocol.types import Problem, Reply, StepItem

_MOST_KEPT = 200
_PAUSE_S = 0.7  # between two turns of the expert, so that they can be followed

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Played:
    """An episode that is played here: its answers, and the actions between them.

    Args:
        env_id: the environment.
        replies: the first of them.
        hand: the word for the steps of a session that was taken over; "" of one that was begun here.
    """

    env_id: str
    replies: list[Reply]
    hand: str = ""
    actions: list[str] = field(default_factory=list)
    earned: float = 0.0
    _watching: asyncio.Task[None] | None = None
    _enough: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last(self) -> Reply:
        """Return the state that it is in."""
        return self.replies[-1]

    @property
    def hint(self) -> str:
        """Return what the environment's expert would do; "" where that is not known here."""
        private = self.last.info.get("private")
        hint = private.get("expert") if isinstance(private, dict) else None
        return hint if isinstance(hint, str) and not self.last.done else ""

    @property
    def watching(self) -> bool:
        """Tell whether the expert plays."""
        return self._watching is not None and not self._watching.done()

    async def step(self, client: SessionClient, action: str) -> None:
        """Take a step.

        Raises:
            RequestRefused: if it is not taken.
        """
        last = self.last
        item = StepItem(last.id, last.episode, last.turn, action)
        if self.hand:
            row: Reply | Problem = await client.play(item, self.hand)
        else:
            (row,) = await client.step([item])
        if isinstance(row, Problem):
            raise row.as_error()
        self.replies.append(row)
        self.actions.append(action)
        self.earned += row.reward
        del self.replies[: -_MOST_KEPT - 1], self.actions[:-_MOST_KEPT]

    def watch(self, client: SessionClient) -> None:
        """Let the expert play, a turn now and then, until the episode is over."""
        self._enough.clear()
        self._watching = asyncio.create_task(self._play(client))

    async def rest(self) -> None:
        """Let the expert play no longer; a turn that is under way is played."""
        self._enough.set()
        if self._watching is not None:
            await asyncio.wait({self._watching})

    async def leave(self, client: SessionClient) -> None:
        """Close a session that was begun here; give one back that was taken over."""
        await self.rest()
        if self.hand:
            await client.give(self.last.id, self.hand)
        else:
            await client.close([self.last.id])

    async def _play(self, client: SessionClient) -> None:
        try:
            while (action := self.hint) and not self._enough.is_set():
                await self.step(client, action)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._enough.wait(), _PAUSE_S)
        except TurnwiseError as error:
            log.warning("the expert cannot play on: %s", error)
