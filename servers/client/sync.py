"""Environments behind a server, as Gymnasium knows them: one, and many at once.

Both are faces over the async environments, whose calls run on a loop thread;
`url="local:"` steps sessions in this process with the same code and the same replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from ...envs.core import Utf8
from ...envs.seeds import checked_seed
from ..protocol.types import Reply
from .bound import Bound
from .client import SessionClient
from .client_thread import ClientThread
from .env import ATTACH_WAIT_S, AsyncRemoteEnv
from .vector_env import AsyncRemoteVectorEnv


class RemoteEnv(Bound, gymnasium.Env[str, str]):
    """One environment behind a server.

    Args:
        url: where the server is, or `local:`.
        env_id: which environment.
        key: the bearer key, where the server asks for one.
        client: speaks to the service instead of `url`; closed with the environment.
        kwargs: arguments of the environment.

    Raises:
        RequestRefused: from reset and step, if the server refuses the call.
        ServerUnreachable: if it gives no answer within the retries.
        UnknownName: if the server does not offer the environment, with the closest names.
        UsageError: from step before reset, and from any call after close or detach.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012 - Gymnasium's name and type
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
        thread = ClientThread(url, key, client)
        self._wrap(thread, AsyncRemoteEnv(None, env_id, client=thread.client, **kwargs))
        thread.open(self._env.check())

    @classmethod
    def attach(
        cls,
        url: str | None,
        session_id: str,
        *,
        key: str | None = None,
        client: SessionClient | None = None,
        wait_s: float = ATTACH_WAIT_S,
    ) -> Self:
        """Take over a session where it stands; see AsyncRemoteEnv.attach."""
        thread = ClientThread(url, key, client)
        work = AsyncRemoteEnv.attach(None, session_id, client=thread.client, wait_s=wait_s)
        env = cls.__new__(cls)
        env._wrap(thread, thread.open(work))
        return env

    def _wrap(self, thread: ClientThread, env: AsyncRemoteEnv) -> None:
        self._thread, self._env = thread, env
        thread.owns(env)
        self.env_id, self.kwargs = env.env_id, env.kwargs
        self.render_mode = None

    @property
    def last_reply(self) -> Reply | None:
        """Return the last reply, with what Gymnasium's tuple leaves out."""
        return self._env.last_reply

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode; without a seed the next one is drawn from this object's generator."""
        seed = checked_seed(seed)
        super().reset(seed=seed)
        self._env.np_random = self.np_random
        return self._thread.run(self._env.reset(seed=seed, options=options))

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one turn."""
        return self._thread.run(self._env.step(action))

    def render(self) -> str | None:
        """Return the last observation where `render_mode` is ansi."""
        last = self.last_reply
        return last.observation if self.render_mode == "ansi" and last else None

    def detach(self) -> str:
        """Let go of the session, which stays on the server; see AsyncRemoteEnv.detach."""
        return self._env.detach()

    def close(self) -> None:
        """Close the session."""
        self._thread.close()


class RemoteVectorEnv(Bound, VectorEnv[tuple[str, ...], Sequence[str], NDArray[Any]]):
    """Many sessions of one environment behind a server, stepped in one request.

    Autoreset is disabled: `reset(options={"reset_mask": mask})` starts new
    episodes where the mask of shape (num_envs,) is true, and `step` may be given
    None as the action of an environment that is to stand still.

    Args:
        url: where the server is, or `local:`.
        env_id: which environment.
        num_envs: how many sessions.
        key: the bearer key, where the server asks for one.
        group: all environments play the same task.
        client: speaks to the service instead of `url`; closed with the environment.
        kwargs: arguments of the environments.

    Raises:
        RequestRefused: from reset and step, if the server refuses one of the items.
        ServerUnreachable: if it gives no answer within the retries.
        UnknownName: if the server does not offer the environment, with the closest names.
        UsageError: from step before reset, and from any call after close or detach.
    """

    def __init__(
        self,
        url: str | None,
        env_id: str,
        num_envs: int,
        *,
        key: str | None = None,
        group: bool = False,
        client: SessionClient | None = None,
        **kwargs: Any,
    ) -> None:
        thread = ClientThread(url, key, client)
        env = AsyncRemoteVectorEnv(None, env_id, num_envs, group=group, client=thread.client, **kwargs)
        self._wrap(thread, env)
        thread.open(env.check())

    @classmethod
    def attach(
        cls,
        url: str | None,
        session_ids: Sequence[str],
        *,
        key: str | None = None,
        group: bool = False,
        client: SessionClient | None = None,
        wait_s: float = ATTACH_WAIT_S,
    ) -> Self:
        """Take over sessions where they stand; see AsyncRemoteVectorEnv.attach."""
        thread = ClientThread(url, key, client)
        work = AsyncRemoteVectorEnv.attach(
            None, session_ids, group=group, client=thread.client, wait_s=wait_s
        )
        env = cls.__new__(cls)
        env._wrap(thread, thread.open(work))
        return env

    def _wrap(self, thread: ClientThread, env: AsyncRemoteVectorEnv) -> None:
        self._thread, self._env = thread, env
        thread.owns(env)
        self.env_id, self.kwargs, self.num_envs, self.group = env.env_id, env.kwargs, env.num_envs, env.group
        self.metadata = env.metadata
        self.single_observation_space = self.single_action_space = env.single_observation_space
        self.observation_space, self.action_space = env.observation_space, env.action_space

    @property
    def replies(self) -> tuple[Reply, ...]:
        """Return the last reply of each environment, with what Gymnasium's tuple leaves out."""
        return self._env.replies

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Start episodes, in all environments or where `options["reset_mask"]` is true.

        Args:
            seed: environment i gets seed+i, or its own from a sequence; with `group`
                all get the same. None draws from this object's generator.
            options: go to each environment, but for `reset_mask`.
        """
        one = None if isinstance(seed, Sequence | np.ndarray) else checked_seed(seed)
        super().reset(seed=one)
        self._env.np_random = self.np_random
        return self._thread.run(self._env.reset(seed=seed, options=options))

    def step(
        self, actions: Sequence[str | None]
    ) -> tuple[tuple[str, ...], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Take one turn in each environment; one whose action is None stands still, with reward 0."""
        return self._thread.run(self._env.step(actions))

    def detach(self) -> list[str]:
        """Let go of the sessions, which stay on the server; see AsyncRemoteVectorEnv.detach."""
        return self._env.detach()

    def close_extras(self, **kwargs: Any) -> None:
        """Close the sessions."""
        self._thread.close()
