"""Many sessions of one environment behind a server, stepped together, for code that awaits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ...envs.core import Utf8
from ...envs.seeds import checked_seed
from ...errors import UsageError
from ..protocol.encoding import plain
from ..protocol.types import CreateItem, Reply
from .client import SessionClient
from .env import ATTACH_WAIT_S, MAX_SEED, GroupOwner
from .session_group import SessionGroup


class AsyncRemoteVectorEnv(GroupOwner):
    """Many sessions of one environment, stepped in one request without holding up the loop.

    Calls mean what those of `gymnasium.vector.VectorEnv` do, and are awaited.
    Autoreset is disabled: `reset(options={"reset_mask": mask})` starts new
    episodes where the mask of shape (num_envs,) is true, and `step` may be given
    None as the action of an environment that is to stand still. A call that was
    cancelled is repeated without harm, as with AsyncRemoteEnv.

    Args:
        url: where the server is, or `local:`.
        env_id: which environment.
        num_envs: how many sessions.
        key: the bearer key, where the server asks for one.
        group: all environments play the same task.
        client: speaks to the service instead of `url`; whoever made it closes it.
        kwargs: arguments of the environments.

    Raises:
        RequestRefused: from reset and step, if the server refuses one of the items.
        ServerUnreachable: if it gives no answer within the retries.
        UnknownName: from `async with`, if the server does not offer the environment.
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
        if num_envs < 1:
            raise UsageError(f"num_envs must be at least 1, got {num_envs}")
        self.env_id, self.num_envs, self.group = env_id, num_envs, group
        self.kwargs = plain(kwargs, f"the arguments of {env_id}")
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED, "render_modes": ["ansi"]}
        self.single_observation_space = self.single_action_space = Utf8()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.np_random: np.random.Generator | None = None
        self._group = SessionGroup(url, key, client)

    @classmethod
    async def attach(
        cls,
        url: str | None,
        session_ids: Sequence[str],
        *,
        key: str | None = None,
        group: bool = False,
        client: SessionClient | None = None,
        wait_s: float = ATTACH_WAIT_S,
    ) -> Self:
        """Take over sessions where they stand, one a place; see AsyncRemoteEnv.attach.

        Raises:
            RequestRefused: 404, if one of them is not there, or belongs to another key; all are
                left alone.
            ServerUnreachable: if something still runs in one of them after `wait_s` seconds.
            UsageError: if no session is named, or one twice, or they are of several environments.
        """
        env = cls(url, "", max(1, len(session_ids)), key=key, group=group, client=client)
        await env._group.attach(session_ids, wait_s)
        names = sorted({reply.env_id for reply in env.replies})
        if len(names) > 1:
            env.detach()
            await env.close()
            raise UsageError(f"attach got sessions of {names}; expected those of one environment")
        env.env_id = names[0]
        return env

    @property
    def replies(self) -> tuple[Reply, ...]:
        """Return the last reply of each environment, with what Gymnasium's tuple leaves out."""
        return tuple(self._group.replies)

    async def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Start episodes, in all environments or where `options["reset_mask"]` is true.

        Args:
            seed: environment i gets seed+i, or its own from a sequence; with `group`
                all get the same. None draws from `np_random`.
            options: go to each environment, but for `reset_mask`.
        """
        rest = dict(options or {})
        mask = self._mask(rest.pop("reset_mask", None))
        if not self.replies and not mask.all():
            raise UsageError("the first reset must start every environment: leave out reset_mask")
        rest = plain(rest, "options of reset")
        seeds = self._seeds(seed)
        places = _places(mask)
        items = [CreateItem(self.env_id, self.kwargs, seeds[place], rest or None) for place in places]
        await self._group.start(places, items)
        return self._observations(), self._infos(places)

    async def step(
        self, actions: Sequence[str | None]
    ) -> tuple[tuple[str, ...], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Take one turn in each environment; one whose action is None stands still, with reward 0."""
        if len(actions) != self.num_envs:
            raise UsageError(f"step got {len(actions)} actions, expected {self.num_envs}")
        moved = np.array([action is not None for action in actions])
        places = _places(moved)
        await self._group.step(places, [action for action in actions if action is not None])
        replies = self.replies
        rewards = np.array([reply.reward for reply in replies]) * moved
        terminated = np.array([reply.terminated for reply in replies])
        truncated = np.array([reply.truncated for reply in replies])
        return self._observations(), rewards, terminated, truncated, self._infos(places)

    def detach(self) -> list[str]:
        """Let go of the sessions, which stay on the server for their leases; return their ids."""
        return self._group.detach()

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
        one = None if isinstance(seed, Sequence | np.ndarray) else checked_seed(seed)
        if one is not None or self.np_random is None:
            self.np_random, _ = seeding.np_random(one)
        if one is not None:
            return [one if self.group else one + i for i in range(self.num_envs)]
        drawn = [int(number) for number in self.np_random.integers(MAX_SEED, size=self.num_envs)]
        if self.group:
            drawn = drawn[:1] * self.num_envs
        if not isinstance(seed, Sequence | np.ndarray):
            return drawn
        if len(seed) != self.num_envs:
            raise UsageError(f"reset got {len(seed)} seeds, expected {self.num_envs}")
        own = [checked_seed(given) for given in seed]
        return [drawn[i] if given is None else given for i, given in enumerate(own)]

    def _observations(self) -> tuple[str, ...]:
        return tuple(reply.observation for reply in self.replies)

    def _infos(self, places: Sequence[int]) -> dict[str, Any]:
        """Give the infos of some environments in Gymnasium's array form, with a mask `_key` for each key."""
        infos: dict[str, Any] = {}
        arrays = _Arrays(self.num_envs)
        for place in places:
            infos = arrays._add_info(infos, self.replies[place].info, place)
        return infos


class _Arrays(VectorEnv[Any, Any, Any]):
    """Gymnasium's own way of putting infos together, so that its wrappers understand them."""

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs


def _places(mask: NDArray[np.bool_]) -> list[int]:
    return [int(place) for place in np.flatnonzero(mask)]
