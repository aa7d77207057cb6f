"""A client on an event loop of its own, for environments whose callers do not await."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol, TypeVar

from ...errors import UsageError
from .client import SessionClient, connect

T = TypeVar("T")


class _Closing(Protocol):
    def close(self) -> Awaitable[None]: ...


class ClientThread:
    """A thread that runs the calls of an async environment, and the client of its loop.

    The thread ends when the object is closed or collected.

    Args:
        url: where the server is, or `local:`.
        key: the bearer key, where the server asks for one.
        client: speaks to the service instead of `url`; closed in the end as well.
    """

    def __init__(self, url: str | None, key: str | None, client: SessionClient | None) -> None:
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(self._loop,), name="turnwise-client", daemon=True)
        thread.start()
        self._end = weakref.finalize(self, _stop, self._loop, thread)
        self.client = client or self.run(_connected(url, key))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a call to its end; an interruption cancels it.

        Raises:
            UsageError: after close.
        """
        if not self._end.alive:
            work.close()
            raise UsageError("this environment was closed: make a new one")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def open(self, work: Coroutine[Any, Any, T]) -> T:
        """Run what gives the environment; if it fails, close."""
        try:
            return self.run(work)
        except BaseException:
            self.close()
            raise

    def close(self, env: _Closing | None = None) -> None:
        """Close the environment, the client and the loop; again, it does nothing."""
        if self._end.alive:
            try:
                self.run(_closed(env, self.client))
            finally:
                self._end()


async def _connected(url: str | None, key: str | None) -> SessionClient:
    return connect(url, key)


async def _closed(env: _Closing | None, client: SessionClient) -> None:
    try:
        if env is not None:
            await env.close()
    finally:
        await client.aclose()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(timeout=5.0)
