"""verifiers' environment at work: a task of the library's loop holds it; one episode is played at a time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from ....errors import EnvironmentFault
from .endpoint import Asked, Endpoint

MODEL = "turnwise"


class Playing:
    """What runs verifiers' episodes; all of it is called on one loop.

    Args:
        env: verifiers' environment.
        timeout_s: how long verifiers may take from an answer to its next question, or to the end.
    """

    def __init__(self, env: Any, timeout_s: float) -> None:
        self._env, self._timeout_s = env, timeout_s
        self._endpoint = Endpoint()
        self._life: asyncio.Task[None] | None = None
        self._stop: asyncio.Event | None = None
        self._episode: asyncio.Task[Any] | None = None
        self._last: Asked | None = None  # the question that is open, or was

    async def start(self, task: Any) -> Asked | Any:
        """Start the episode of a task; return its first question, or the episode if it asked nothing."""
        await self.end_episode()
        if self._life is None:
            await self._open()
        import verifiers.v1 as vf

        client = vf.EvalClientConfig(base_url=self._endpoint.url, api_key_var="TURNWISE_HAS_NO_KEY")
        context = vf.ModelContext(model=MODEL, client=client)
        self._episode = asyncio.create_task(self._env.run_episode(task, context))
        return await self.next()

    async def next(self) -> Asked | Any:
        """Return the next question, or the finished episode.

        Raises:
            EnvironmentFault: if neither comes in time, or the episode breaks.
        """
        assert self._episode is not None
        asked = asyncio.create_task(self._endpoint.asked.get())
        try:
            await asyncio.wait(
                [asked, self._episode], timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if asked.done():
                self._last = asked.result()
                return self._last
            if self._episode.done():
                return self._episode.result()
        finally:
            asked.cancel()
        raise EnvironmentFault(f"verifiers asked nothing and did not end within {self._timeout_s:g} s")

    async def end_episode(self) -> None:
        """Stop an episode that goes on; what it asked is forgotten."""
        if self._episode is not None:
            self._episode.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._episode
        left = [self._last] if self._last is not None else []
        while not self._endpoint.asked.empty():
            left.append(self._endpoint.asked.get_nowait())
        for asked in left:
            asked.give_up()
        self._episode = self._last = None

    async def close(self) -> None:
        """End everything."""
        await self.end_episode()
        if self._stop is not None and self._life is not None:
            self._stop.set()
            await self._life
            self._life = None

    async def _open(self) -> None:
        await self._endpoint.open()
        self._stop, ready = asyncio.Event(), asyncio.Event()
        self._life = asyncio.create_task(self._serve(ready, self._stop))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([waiting, self._life], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._life.done():
            self._life.result()

    async def _serve(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Hold what the environment shares between episodes; entered and left by one task."""
        try:
            async with self._env.serving():
                ready.set()
                await stop.wait()
        finally:
            await self._endpoint.close()
