"""Environments behind a server, as Gymnasium knows them: one, and many at once.

Both are ordinary faces over the async clients; `url="local:"` steps sessions in
this process with the same code and the same replies.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ..envs.core import Utf8
from ..errors import RequestRefused, UsageError
from .api import CreateItem, Problem, Reply, ResetItem, SessionClient, StepItem
from .loop_thread import LoopThread

__all__ = ["RemoteEnv", "RemoteVectorEnv", "connect"]

_MAX_SEED = 1 << 31


def connect(url: str | None, key: str | None = None, **options: Any) -> SessionClient:
    """Return a client for a server's address; `local:` or None is a service in this process.

    Raises:
        UsageError: if the address is none.
    """
    if url in (None, "local:"):
        from .local import LocalClient

        return LocalClient()
    from .http_client import HttpClient

    return HttpClient(url, key, **options)


class _Connection:
    """Hold a client, the loop that runs it, and sessions on the other side."""

    def __init__(self, url: str | None, key: str | None, client: SessionClient | None) -> None:
        self.loop = LoopThread()
        self.client = client or self.loop.run(_connected(url, key))
        self.ids: list[str] = []

    def create(self, item: CreateItem) -> list[Reply]:
        """Create sessions; all or none.

        Raises:
            RequestRefused: if one of them could not be made.
        """
        rows = self.loop.run(self.client.create([item], request_id=uuid.uuid4().hex))
        self.ids += [row.id for row in rows if isinstance(row, Reply)]
        return accepted(rows)

    def close(self) -> None:
        """Close the sessions and the connection."""
        try:
            self.loop.run(self.client.close(self.ids))
            self.loop.run(self.client.aclose())
        finally:
            self.ids = []
            self.loop.close()


async def _connected(url: str | None, key: str | None) -> SessionClient:
    return connect(url, key)


class RemoteEnv(gymnasium.Env[str, str]):
    """Step one environment behind a server.

    Args:
        url: where the server is, or `local:`.
        env_id: which environment.
        key: the bearer key, where the server asks for one.
        client: speaks to the service instead of `url`.
        kwargs: arguments of the environment.

    Raises:
        RequestRefused: from reset and step, if the server refuses the call.
        ServerUnreachable: if it gives no answer within the retries.
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
        self.env_id, self.kwargs = env_id, kwargs
        self.render_mode = None
        self._connection = _Connection(url, key, client)
        self._last: Reply | None = None

    @property
    def last_reply(self) -> Reply | None:
        """Return the last reply, with what Gymnasium's tuple leaves out."""
        return self._last

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode; without a seed the next one is drawn from this object's generator."""
        super().reset(seed=seed)
        task_seed = int(self.np_random.integers(_MAX_SEED)) if seed is None else seed
        connection = self._connection
        if self._last is None:
            item = CreateItem(self.env_id, self.kwargs, task_seed, options)
            self._last = connection.create(item)[0]
        else:
            again = ResetItem(self._last.id, self._last.episode + 1, task_seed, options)
            self._last = accepted(connection.loop.run(connection.client.reset([again])))[0]
        return self._last.observation, self._last.info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one turn."""
        last = self._last
        if last is None:
            raise UsageError("step before reset: call reset first")
        item = StepItem(last.id, last.episode, last.turn, action)
        connection = self._connection
        self._last = reply = accepted(connection.loop.run(connection.client.step([item])))[0]
        return reply.observation, reply.reward, reply.terminated, reply.truncated, reply.info

    def render(self) -> str | None:
        """Return the last observation where `render_mode` is ansi."""
        return self._last.observation if self.render_mode == "ansi" and self._last else None

    def close(self) -> None:
        """Close the session."""
        connection, self._last = self._connection, None
        if connection.loop.alive:
            connection.close()


class RemoteVectorEnv(VectorEnv[tuple[str, ...], Sequence[str], NDArray[Any]]):
    """Step many sessions of one environment behind a server in one request.

    Autoreset is disabled: `reset(options={"reset_mask": mask})` starts new
    episodes where the mask of shape (num_envs,) is true, and `step` may be given
    None as the action of an environment that is to stand still.

    Args:
        url: where the server is, or `local:`.
        env_id: which environment.
        num_envs: how many sessions.
        key: the bearer key, where the server asks for one.
        group: all environments play the same task.
        client: speaks to the service instead of `url`.
        kwargs: arguments of the environments.

    Raises:
        RequestRefused: from reset and step, if the server refuses one of the items.
        ServerUnreachable: if it gives no answer within the retries.
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
        if num_envs < 1:
            raise UsageError(f"num_envs must be at least 1, got {num_envs}")
        self.env_id, self.kwargs, self.num_envs, self.group = env_id, kwargs, num_envs, group
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED, "render_modes": ["ansi"]}
        self.single_observation_space = self.single_action_space = Utf8()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._connection = _Connection(url, key, client)
        self._replies: list[Reply] = []

    @property
    def replies(self) -> tuple[Reply, ...]:
        """Return the last reply of each environment, with what Gymnasium's tuple leaves out."""
        return tuple(self._replies)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Start episodes, in all environments or where `options["reset_mask"]` is true.

        Args:
            seed: environment i gets seed+i, or its own from a sequence; with `group`
                all get the same. None draws from this object's generator.
            options: go to each environment, but for `reset_mask`.
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        rest = dict(options or {})
        mask = self._mask(rest.pop("reset_mask", None))
        seeds = self._seeds(seed)
        if not self._replies:
            if not mask.all():
                raise UsageError("the first reset must start every environment: leave out reset_mask")
            self._create(seeds, rest or None)
        else:
            self._reset(np.flatnonzero(mask), seeds, rest or None)
        return self._observations(), self._infos(mask)

    def step(
        self, actions: Sequence[str | None]
    ) -> tuple[tuple[str, ...], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Take one turn in each environment; one whose action is None stands still, with reward 0."""
        if not self._replies:
            raise UsageError("step before reset: call reset first")
        if len(actions) != self.num_envs:
            raise UsageError(f"step got {len(actions)} actions, expected {self.num_envs}")
        moved = np.array([action is not None for action in actions])
        items = [
            StepItem(last.id, last.episode, last.turn, action)
            for last, action in zip(self._replies, actions, strict=True)
            if action is not None
        ]
        self._store(np.flatnonzero(moved), self._connection.loop.run(self._connection.client.step(items)))
        rewards = np.array([reply.reward for reply in self._replies]) * moved
        terminated = np.array([reply.terminated for reply in self._replies])
        truncated = np.array([reply.truncated for reply in self._replies])
        return self._observations(), rewards, terminated, truncated, self._infos(moved)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the sessions."""
        if self._connection.loop.alive:
            self._connection.close()

    def _create(self, seeds: Sequence[int], options: dict[str, Any] | None) -> None:
        items = [CreateItem(self.env_id, self.kwargs, seed, options) for seed in seeds]
        connection = self._connection
        rows = connection.loop.run(connection.client.create(items, request_id=uuid.uuid4().hex))
        connection.ids = [row.id for row in rows if isinstance(row, Reply)]
        self._replies = accepted(rows)

    def _reset(self, places: NDArray[Any], seeds: Sequence[int], options: dict[str, Any] | None) -> None:
        items = [
            ResetItem(self._replies[i].id, self._replies[i].episode + 1, seeds[i], options) for i in places
        ]
        self._store(places, self._connection.loop.run(self._connection.client.reset(items)))

    def _store(self, places: NDArray[Any], rows: Sequence[Reply | Problem]) -> None:
        """Keep the replies that came, then say which item was refused."""
        for place, row in zip(places, rows, strict=True):
            if isinstance(row, Reply):
                self._replies[place] = row
        accepted(rows)

    def _mask(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, dtype=np.bool_)
        array = np.asarray(mask)
        if array.shape != (self.num_envs,) or array.dtype != np.bool_ or not array.any():
            raise UsageError(
                f"reset_mask is {array.dtype}{list(array.shape)}; "
                f"expected bool[{self.num_envs}], not all false"
            )
        return array

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int]:
        if isinstance(seed, int):
            return [seed if self.group else seed + i for i in range(self.num_envs)]
        drawn = [int(number) for number in self.np_random.integers(_MAX_SEED, size=self.num_envs)]
        if self.group:
            drawn = drawn[:1] * self.num_envs
        if seed is None:
            return drawn
        if len(seed) != self.num_envs:
            raise UsageError(f"reset got {len(seed)} seeds, expected {self.num_envs}")
        return [drawn[i] if one is None else int(one) for i, one in enumerate(seed)]

    def _observations(self) -> tuple[str, ...]:
        return tuple(reply.observation for reply in self._replies)

    def _infos(self, places: NDArray[Any]) -> dict[str, Any]:
        """Give the infos of some environments in Gymnasium's array form, with a mask `_key` for each key."""
        infos: dict[str, Any] = {}
        for i in np.flatnonzero(places):
            infos = self._add_info(infos, self._replies[i].info, int(i))
        return infos


def accepted(rows: Sequence[Reply | Problem]) -> list[Reply]:
    """Return the replies of an answer.

    Raises:
        RequestRefused: with the first problem, if there is one.
    """
    replies = []
    for row in rows:
        if isinstance(row, Problem):
            detail = f"{row.detail}; {row.todo}" if row.todo else row.detail
            raise RequestRefused(row.status, row.code, detail, row.expected)
        replies.append(row)
    return replies
