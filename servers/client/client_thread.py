"""A client on an event loop of its own, for environments whose callers do not await."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import weakref
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Protocol, TypeVar

from ...errors import TurnwiseError, UsageError
from .bound import check_process
from .client import SessionClient, connect

log = logging.getLogger("turnwise.client")

T = TypeVar("T")

_FAREWELL_S = 5.0


class _Closing(Protocol):
    def close(self) -> Awaitable[None]: ...


class ClientThread:
    """A thread that runs the calls of an async environment, and the client of its loop.

    When the object is closed or collected, or the interpreter ends, what it owns is closed,
    and then the thread ends. It belongs to the process that made it.

    Args:
        url: where the server is, or `local:`.
        key: the bearer key, where the server asks for one.
        client: speaks to the service instead of `url`; closed in the end as well.
    """

    def __init__(self, url: str | None, key: str | None, client: SessionClient | None) -> None:
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(self._loop,), name="turnwise-client", daemon=True)
        thread.start()
        self._made_in = os.getpid()
        self._owned: list[_Closing] = []
        self._end = weakref.finalize(self, _stop, self._loop, thread, self._made_in, self._owned)
        self.client = client or self.run(_connected(url, key))
        self._owned.append(_AsClosing(self.client))

    def owns(self, env: _Closing) -> None:
        """Close an environment in the end, before the client."""
        self._owned.insert(0, env)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a call to its end; an interruption cancels it.

        Raises:
            UsageError: after close, or in a process forked from the one that made it.
        """
        if os.getpid() != self._made_in:
            work.close()
            check_process(self._made_in)
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

    def close(self) -> None:
        """Close the environment, the client and the loop; again, it does nothing."""
        if self._end.alive:
            owned = list(self._owned)
            try:
                self.run(_closed(owned))
            finally:
                self._owned.clear()
                self._end()


class _AsClosing:
    """A client as something to be closed."""

    def __init__(self, client: SessionClient) -> None:
        self._client = client

    async def close(self) -> None:
        """Release its connections."""
        await self._client.aclose()


async def _connected(url: str | None, key: str | None) -> SessionClient:
    return connect(url, key)


async def _closed(owned: list[_Closing]) -> None:
    """Close one after another, each whatever happens to the one before."""
    async with AsyncExitStack() as stack:
        for one in reversed(owned):
            stack.push_async_callback(one.close)


async def _closed_in_time(owned: list[_Closing]) -> None:
    try:
        async with asyncio.timeout(_FAREWELL_S):
            await _closed(owned)
    except (TimeoutError, TurnwiseError) as error:
        log.warning("sessions were left to their leases: %s", error or "the server does not answer")


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _stop(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, made_in: int, owned: list[_Closing]
) -> None:
    if os.getpid() != made_in or loop.is_closed():
        return

    async def end() -> None:
        await _closed_in_time(owned)
        loop.stop()

    asyncio.run_coroutine_threadsafe(end(), loop)
    if thread is not threading.current_thread():
        thread.join(timeout=2 * _FAREWELL_S)
