"""A client on an event loop of its own, for environments whose callers do not await."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol, TypeVar

from ...errors import UsageError
from ..protocol.types import SessionClient
from .loop_thread import LoopThread
from .session_group import connect

__all__ = ["ClientThread"]

T = TypeVar("T")


class _Closing(Protocol):
    def close(self) -> Awaitable[None]: ...


class ClientThread:
    """Run the calls of an async environment, and own the client that belongs to their loop.

    Args:
        url: where the server is, or `local:`.
        key: the bearer key, where the server asks for one.
        client: speaks to the service instead of `url`; closed in the end as well.
    """

    def __init__(self, url: str | None, key: str | None, client: SessionClient | None) -> None:
        self._loop = LoopThread()
        self.client = client or self._loop.run(_connected(url, key))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a call to its end; an interruption cancels it.

        Raises:
            UsageError: after close.
        """
        if not self._loop.alive:
            work.close()
            raise UsageError("this environment was closed: make a new one")
        return self._loop.run(work)

    def open(self, work: Coroutine[Any, Any, T]) -> T:
        """Run what gives the environment; if it fails, close."""
        try:
            return self.run(work)
        except BaseException:
            self.close()
            raise

    def close(self, env: _Closing | None = None) -> None:
        """Close the environment, the client and the loop; again, it does nothing."""
        if self._loop.alive:
            try:
                self._loop.run(_closed(env, self.client))
            finally:
                self._loop.close()


async def _connected(url: str | None, key: str | None) -> SessionClient:
    return connect(url, key)


async def _closed(env: _Closing | None, client: SessionClient) -> None:
    try:
        if env is not None:
            await env.close()
    finally:
        await client.aclose()
