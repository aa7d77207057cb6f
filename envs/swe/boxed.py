"""What environments in sandboxes share: turns on the library's loop, a clone by a fork, an end that waits."""

from __future__ import annotations

import asyncio
import copy
from abc import abstractmethod
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Generic, Protocol, Self, TypeVar

from ...errors import UsageError
from ..core import Info, TextEnv
from ..sandbox import SandboxError
from ..sandbox.loop import call, submit

Result = tuple[str, float, bool, bool, Info]
T = TypeVar("T")


class Forkable(Protocol):
    """An attempt at a task in a box of its own."""

    async def fork(self) -> Self:
        """Return the same attempt in another box."""
        ...

    async def end(self) -> None:
        """Give the box back, after the turn that is being taken."""
        ...


EpisodeT = TypeVar("EpisodeT", bound=Forkable)


class BoxedEnv(TextEnv, Generic[EpisodeT]):
    """An environment whose episodes are played in boxes; subclasses write `reset` and `_act`."""

    def __init__(self) -> None:
        self._episode: EpisodeT | None = None
        self._running: Future[Any] | None = None
        self._closed = False

    def step(self, action: str) -> Result:
        """Take one turn."""
        return self._wait(self._act(action))

    async def step_async(self, action: str) -> Result:
        """Take one turn; the caller's loop goes on meanwhile."""
        return await asyncio.wrap_future(self._started(self._act(action)))

    def clone(self) -> Self:
        """Return the same state in a box of its own; processes left in the background end."""
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        twin._running = None
        if self._episode is not None:
            twin._episode = self._wait(self._episode.fork())
        return twin

    def close(self) -> None:
        """Give the box back; a turn that is being taken is given up."""
        self._closed = True
        if self._running is not None:
            self._running.cancel()
        if self._episode is not None:
            with suppress(CancelledError):  # the loop has ended, and with it every box
                call(self._end())

    @abstractmethod
    async def _act(self, action: str) -> Result:
        """Take one turn, on the loop of the boxes."""

    @property
    def _current(self) -> EpisodeT:
        if self._episode is None:
            raise UsageError("there is no episode: call reset first")
        return self._episode

    async def _end(self) -> None:
        episode, self._episode = self._episode, None
        if episode is not None:
            with suppress(SandboxError):  # a box that is gone needs no end
                await episode.end()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future = self._started(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _started(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._closed:
            work.close()
            raise UsageError("this environment was closed: make a new one")
        self._running = future = submit(work)
        return future
