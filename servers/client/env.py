"""One environment behind a server, for code that awaits."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import numpy as np
from gymnasium.utils import seeding

from ...envs.core import Utf8
from ...envs.seeds import checked_seed
from ..protocol.encoding import plain
from ..protocol.types import CreateItem, Reply
from .bound import Bound
from .client import SessionClient
from .session_group import SessionGroup

ATTACH_WAIT_S = 3600.0
MAX_SEED = 1 << 31


class GroupOwner(Bound):
    """An environment that plays a group of sessions, and closes it at the end of a block."""

    env_id: str
    _group: SessionGroup

    async def check(self) -> None:
        """Check that the environment is on offer; `async with` does it at the start.

        Raises:
            UnknownName: if it is not, with the closest names.
            ServerUnreachable: if the server gives no answer within the retries.
        """
        if not self._group.replies:
            await self._group.client.check_env(self.env_id)

    async def close(self) -> None:
        """Close what it plays."""
        await self._group.close()

    async def __aenter__(self) -> Self:
        try:
            await self.check()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncRemoteEnv(GroupOwner):
    """One environment behind a server, stepped without holding up the loop.

    Calls mean what those of `gymnasium.Env` do, and are awaited:

        async with AsyncRemoteEnv("http://127.0.0.1:8000", "household/demo-v0") as env:
            observation, info = await env.reset(seed=7)
            observation, reward, terminated, truncated, info = await env.step("look")

    Those of one environment are done one after another; many environments play side by
    side. A call that was cancelled is repeated without harm: a step that was done is
    answered from store, one that still runs is joined.

    Args:
        url: where the server is, or `local:`.
        env_id: which environment.
        key: the bearer key, where the server asks for one.
        client: speaks to the service instead of `url`; several environments may share
            one, and whoever made it closes it.
        kwargs: arguments of the environment.

    Raises:
        RequestRefused: from reset and step, if the server refuses the call.
        ServerUnreachable: if it gives no answer within the retries.
        UnknownName: from `async with`, if the server does not offer the environment.
        UsageError: from step before reset, and from any call after close or detach.
    """

    observation_space = Utf8()
    action_space = Utf8()

    def __init__(
        self,
        url: str | None,
        env_id: str,
        *,
        key: str | None = None,
        client: SessionClient | None = None,
        **kwargs: Any,
    ) -> None:
        self.env_id, self.kwargs = env_id, plain(kwargs, f"the arguments of {env_id}")
        self.np_random: np.random.Generator | None = None
        self._group = SessionGroup(url, key, client)

    @classmethod
    async def attach(
        cls,
        url: str | None,
        session_id: str,
        *,
        key: str | None = None,
        client: SessionClient | None = None,
        wait_s: float = ATTACH_WAIT_S,
    ) -> Self:
        """Take over a session where it stands; `last_reply` says where that is.

        The session is this object's from here on, and is closed with it. A step that
        runs in it is waited for and counted.

        Args:
            url: where the server is.
            session_id: which session: `last_reply.id` of whoever played it before.
            key: the bearer key that made the session.
            client: speaks to the service instead of `url`.
            wait_s: how long to wait for what runs in it.

        Raises:
            RequestRefused: 404, if there is no such session, or it belongs to another key.
            ServerUnreachable: if something still runs in it after `wait_s` seconds.
        """
        env = cls(url, "", key=key, client=client)
        await env._group.attach([session_id], wait_s)
        env.env_id = env._group.replies[0].env_id
        return env

    @property
    def last_reply(self) -> Reply | None:
        """Return the last reply, with what Gymnasium's tuple leaves out."""
        return self._group.replies[0] if self._group.replies else None

    async def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode; without a seed the next one is drawn from `np_random`.

        Raises:
            UsageError: if the seed is not a whole number from 0 below 2**62, or JSON cannot
                hold the options.
        """
        seed = checked_seed(seed)
        options = plain(options, "options of reset")
        if seed is not None or self.np_random is None:
            self.np_random, _ = seeding.np_random(seed)
        task_seed = int(self.np_random.integers(MAX_SEED)) if seed is None else seed
        await self._group.start([0], [CreateItem(self.env_id, self.kwargs, task_seed, options)])
        last = self._group.replies[0]
        return last.observation, last.info

    async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one turn."""
        await self._group.step([0], [action])
        last = self._group.replies[0]
        return last.observation, last.reward, last.terminated, last.truncated, last.info

    def detach(self) -> str:
        """Let go of the session, which stays on the server for its lease; return its id.

        Nothing is left to do with this object then but `close`, which ends its connections.
        """
        return self._group.detach()[0]
