"""A connection to an MCP server, opened, kept and closed by one task of the library's loop.

The scopes that the package opens have to be left by the task that entered them, whoever calls and closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from ....errors import ServerUnreachable, UsageError

_ENDED = "its connection has ended"


class Told(Exception):
    """What a server has answered in place of a result, for the agent to read."""


class Connection:
    """A connection to a server.

    Args:
        transport: opens the way.
        name: what the server is called in errors.
        mode: the revision, as the package names it: auto, legacy or a date.
        timeout_s: how long opening or a call may take.
    """

    def __init__(
        self,
        transport: Callable[[], AbstractAsyncContextManager[Any]],
        name: str,
        mode: str,
        timeout_s: float,
    ) -> None:
        self._transport, self._name, self._mode, self._timeout_s = transport, name, mode, timeout_s
        self._leave = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._client: Any = None

    async def open(self) -> list[Any]:
        """Connect, and return the tools of the server.

        Raises:
            ServerUnreachable: if it does not answer in time, or not as such a server does.
        """
        ready: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(ready))
        both: set[asyncio.Future[Any]] = {ready, self._keeper}
        try:
            await asyncio.wait(both, timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED)
            failure = self._keeper.exception() if self._keeper.done() and not ready.done() else None
        finally:
            if not ready.done():
                await self.close()
        if ready.done():
            return ready.result()
        if failure is None:
            raise ServerUnreachable(f"{self._name} did not begin in {self._timeout_s:g} s")
        raise self._told(failure) from failure

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Call a tool.

        Raises:
            Told: if the server refuses the call, or takes too long for it.
            ServerUnreachable: if the server is gone.
        """
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        if self._client is None or self._keeper is None or self._keeper.done():
            raise ServerUnreachable(f"{self._name}: {_ENDED}")
        calling = asyncio.ensure_future(
            self._client.call_tool(name, arguments, read_timeout_seconds=self._timeout_s)
        )
        try:
            await asyncio.wait({calling, self._keeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            calling.cancel()  # where the server has gone first, or nobody waits any longer
        await asyncio.wait({calling})
        if calling.cancelled():
            raise ServerUnreachable(f"{self._name}: {_ENDED}")
        failure = calling.exception()
        if failure is None:
            return calling.result()
        if not isinstance(failure, MCPError):
            raise ServerUnreachable(f"{self._name}: {type(failure).__name__}: {failure}") from failure
        if failure.code == CONNECTION_CLOSED:
            raise ServerUnreachable(f"{self._name}: {_ENDED}") from failure
        late = failure.code == REQUEST_TIMEOUT
        raise Told(
            f"the tool did not answer in {self._timeout_s:g} s" if late else failure.message
        ) from failure

    async def close(self) -> None:
        """Leave; the server, if it was started, has ended then."""
        self._leave.set()
        if self._keeper is not None:
            if self._client is None:
                self._keeper.cancel()
            await asyncio.wait({self._keeper})
            if not self._keeper.cancelled():
                self._keeper.exception()  # of a server that is gone: calls have said so

    async def _keep(self, ready: asyncio.Future[list[Any]]) -> None:
        from mcp import Client

        way = self._transport()
        async with Client(way, mode=self._mode, read_timeout_seconds=self._timeout_s) as client:
            listed = (await client.list_tools()).tools
            self._client = client
            ready.set_result(listed)
            await self._leave.wait()

    def _told(self, error: BaseException) -> Exception:
        """Return what is told of a connection that could not be opened."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, FileNotFoundError | PermissionError):
            return UsageError(f"{self._name} cannot be started: {error}")
        return ServerUnreachable(f"{self._name} could not be connected to: {type(error).__name__}: {error}")
