"""One slot of a rollout: episodes one after the other, each played anew if it fails."""

from __future__ import annotations

import logging

from ...errors import ServerError
from ..types import Trajectory
from .config import TaskItem
from .episode import Episode, Stage
from .sessions import Held

__all__ = ["Player"]

log = logging.getLogger(__name__)


class Player:
    """Play episodes one after the other in one slot.

    Args:
        stage: what the slots share.
        slot: the number of the slot, which orders it in lock-step.
    """

    def __init__(self, stage: Stage, slot: int) -> None:
        self.stage = stage
        self.slot = slot
        self._held: Held | None = None

    async def play(self, task: TaskItem) -> tuple[Trajectory, int]:
        """Play a task, anew if it fails; return the trajectory and how often it was played anew.

        Raises:
            UsageError: if the environment cannot be played at all.
            RequestRefused: if the service refuses to open sessions.
            ServerUnreachable: if no session can be opened.
            PolicyStopped: if the policy will answer nothing more.
        """
        trajectory = await self._attempt(task)
        for retry in range(1, self.stage.config.retries + 1):
            if trajectory.end != "error":
                return trajectory, retry - 1
            log.warning("playing anew: %s", trajectory.error)
            trajectory = await self._attempt(task)
        return trajectory, self.stage.config.retries

    async def finish(self) -> None:
        """Close the session held and leave the lock-step."""
        await self._discard()
        if self.stage.lockstep:
            self.stage.lockstep.leave()

    async def _attempt(self, task: TaskItem) -> Trajectory:
        if self._held and not self._held.fits(task):
            await self._discard()
        episode = Episode(self.stage, self.slot, task)
        await episode.open(self._held)
        self._held = None
        try:
            await episode.run()
        finally:
            episode.forget()
        if episode.reusable:
            self._held = Held(episode.reply.id, episode.reply.episode, task.env_id, task.kwargs)
        elif episode.opened:
            await self._close(episode.reply.id)
        return episode.trajectory()

    async def _discard(self) -> None:
        if self._held:
            held, self._held = self._held, None
            await self._close(held.id)

    async def _close(self, id: str) -> None:
        try:
            await self.stage.sessions.close(id)
        except ServerError as error:
            log.warning("session %s is left to its lease: %s", id, error)
