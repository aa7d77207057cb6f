"""All episodes of a gateway: opened once, found by their ids, ended when nobody plays them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from itertools import count

from ...servers.client import SessionClient
from ..rollout.config import TaskItem
from ..types import Trajectory
from .asked import Refusal
from .config import GatewayLimits
from .episode import Asking, Episode
from .sealing import Seals
from .sessions import SessionBehind

log = logging.getLogger("turnwise.gateway")

_HANDLE_CHARS = 8
_LOOK_S = 1.0
OnEnd = Callable[[Trajectory], None]


@dataclass(frozen=True, slots=True)
class Opening:
    """What an episode is opened with.

    Args:
        task: what is played; its environment is a name of one's own where rewards are posted.
        request_id: names the request: repeated, it gets the same episode.
        played: whether a session of the task stands behind it.
        session: the id of a session that there is already, to stand behind it.
        instruction: of the task, where no session tells it.
        state_key: of the first state, where it is told.
    """

    task: TaskItem
    request_id: str
    played: bool = False
    session: str = ""
    instruction: str = ""
    state_key: str | None = None


@dataclass(eq=False)
class Gateway:
    """Episodes of harnesses in front of one policy.

    Args:
        asking: how the policy is asked.
        limits: how many episodes, and how long.
        client: the service of sessions, where there is one.
        on_end: is given each trajectory as it is there.
        members: numbers the episodes whose place in their group nobody has said, so that no two are one.
    """

    asking: Asking
    limits: GatewayLimits = field(default_factory=GatewayLimits)
    client: SessionClient | None = None
    on_end: OnEnd | None = None
    members: Iterator[int] = field(default_factory=count)
    seals: Seals = field(default_factory=Seals)
    _episodes: OrderedDict[str, Episode] = field(default_factory=OrderedDict)
    _opened: OrderedDict[str, tuple[Opening, asyncio.Future[Episode]]] = field(default_factory=OrderedDict)

    @property
    def open_ones(self) -> list[Episode]:
        """Return the episodes that are not closed."""
        return [episode for episode in self._episodes.values() if not episode.is_closed]

    async def open(self, opening: Opening) -> Episode:
        """Open an episode; an equal request gets the same one.

        Raises:
            Refusal: if the request_id is of another request, there is no room, or the session is refused.
            ServerError: if the service of sessions gives no answer.
        """
        known = self._opened.get(opening.request_id)
        if known is not None:
            if known[0] != opening:
                raise Refusal(409, "request_id_reused", "the request_id belongs to a different request")
            return await asyncio.shield(known[1])
        num_pending = sum(not made.done() for _, made in self._opened.values())
        if len(self.open_ones) + num_pending >= self.limits.max_episodes:
            raise Refusal(429, "capacity", f"{self.limits.max_episodes} episodes go on; end some first")
        made = asyncio.ensure_future(self._open(opening))
        self._opened[opening.request_id] = opening, made
        try:
            return await asyncio.shield(made)
        except BaseException:
            if made.done() and (made.cancelled() or made.exception() is not None):
                self._opened.pop(opening.request_id, None)
            raise

    async def _open(self, opening: Opening) -> Episode:
        task = opening.task
        if task.member is None:
            task = replace(task, member=next(self.members))
        session = await self._behind(replace(opening, task=task))
        info = session.info if session else {}
        episode = Episode(
            f"{secrets.token_urlsafe(6)}{secrets.token_urlsafe(24)}",
            task,
            self.asking,
            self.seals,
            session,
            str(info.get("instruction") or opening.instruction),
            opening.state_key,
            self.on_end,
        )
        self._episodes[episode.id[:_HANDLE_CHARS]] = episode
        self._forget_old()
        return episode

    async def _behind(self, opening: Opening) -> SessionBehind | None:
        if not opening.played and not opening.session:
            return None
        if self.client is None:
            raise Refusal(
                422, "no_sessions", "this gateway has no server of sessions; start it with --server"
            )
        if opening.session:
            return await SessionBehind.adopt(self.client, opening.session)
        return await SessionBehind.create(self.client, opening.task, opening.request_id)

    def find(self, id: str) -> Episode:
        """Return an episode.

        Raises:
            Refusal: 404, in the same words whether it never existed or is forgotten.
        """
        episode = self._episodes.get(id[:_HANDLE_CHARS])
        if episode is None or not compare_digest(episode.id.encode(), id.encode()):
            raise Refusal(404, "unknown_episode", "there is no such episode; open one with POST /episodes")
        return episode

    async def close(self, episode: Episode) -> None:
        """Give back what an episode that is over holds; it answers no more."""
        if not episode.is_closed:
            episode.release()
            if episode.session is not None:
                await episode.session.aclose()

    async def close_all(self) -> None:
        """End and close what goes on, as deadline."""
        for episode in self.open_ones:
            episode.finish("deadline", "the gateway has stopped")
            await self.close(episode)

    async def watch(self) -> None:
        """End episodes that nobody plays any more, for as long as the gateway answers."""
        while True:
            await asyncio.sleep(min(_LOOK_S, self.limits.idle_s / 4))
            for episode in self.open_ones:
                await self._look(episode, time.monotonic())

    async def _look(self, episode: Episode, now: float) -> None:
        idle, whole = self.limits.idle_s, self.limits.episode_s
        if now - episode.started > whole:
            episode.finish("deadline", f"over {whole:g} s")
        elif now - episode.touched > idle and not episode.is_busy:
            ended = episode.session.reply.end if episode.session else None
            episode.finish(ended or "deadline", None if ended else f"no call for {idle:g} s")
        else:
            return
        log.info("episode %s is closed", episode.id[:_HANDLE_CHARS])
        await self.close(episode)

    def _forget_old(self) -> None:
        """Forget the oldest of more episodes than are kept, those that are closed."""
        most = self.limits.max_kept + self.limits.max_episodes
        while len(self._episodes) > most:
            handle = next((name for name, each in self._episodes.items() if each.is_closed), None)
            if handle is None:
                return
            del self._episodes[handle]
        while len(self._opened) > most:
            self._opened.popitem(last=False)
