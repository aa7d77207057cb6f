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
        try:
            return await asyncio.wait_for(ready, self._timeout_s)
        except TimeoutError as error:
            await self.close()
            raise ServerUnreachable(f"{self._name} did not begin in {self._timeout_s:g} s") from error

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
        try:
            return calling.result()
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                raise ServerUnreachable(f"{self._name}: {_ENDED}") from error
            late = error.code == REQUEST_TIMEOUT
            told = f"the tool did not answer in {self._timeout_s:g} s" if late else error.message
            raise Told(told) from error
        except Exception as error:
            raise ServerUnreachable(f"{self._name}: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Leave; the server, if it was started, has ended then."""
        self._leave.set()
        if self._keeper is not None:
            if self._client is None:
                self._keeper.cancel()
            await asyncio.wait({self._keeper})

    async def _keep(self, ready: asyncio.Future[list[Any]]) -> None:
        from mcp import Client

        try:
            way = self._transport()
            async with Client(way, mode=self._mode, read_timeout_seconds=self._timeout_s) as client:
                listed = (await client.list_tools()).tools
                self._client = client
                ready.set_result(listed)
                await self._leave.wait()
        except asyncio.CancelledError:
            if not ready.done():
                ready.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - of the package and its transports, in groups
            if not ready.done():
                ready.set_exception(self._cause(error))

    def _cause(self, error: Exception) -> Exception:
        """Return what is told of a connection that could not be opened."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, FileNotFoundError | PermissionError):
            return UsageError(f"{self._name} cannot be started: {error}")
        return ServerUnreachable(f"{self._name} could not be connected to: {type(error).__name__}: {error}")
