"""An MCP server from its settings to its end: over standard input and output, or over HTTP."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ... import __version__
from ...envs.adapters.mcp.installed import check_installed
from ...errors import UsageError
from ..client import SessionClient, connect
from ..client.transports.local import LocalTransport
from ..isolation.catalogue import Catalogue
from ..protocol.limits import Limits
from ..protocol.types import CreateItem, Problem
from ..run.build import load_keys
from ..run.listening import listen
from ..run.listening_config import Listening
from ..sessions.leases import keep_reaping
from ..sessions.service import Service
from .handles import Handles
from .input import MAX_LINE_BYTES, can_be_waited_for, lines_of_stdin
from .listening import PATH, Door
from .offered import offered
from .speaking import Speaker

_MOST_AT_ONCE = 256  # requests over HTTP
_ROOM_S = 1.0  # to wait for room for another episode
_SERVER_S = 30.0  # how long a server may be gone before a call is told so
log = logging.getLogger("turnwise.servers")


@dataclass(frozen=True, slots=True)
class Served:
    """What is served over MCP, and from where its episodes come.

    Args:
        env_id: of the environment.
        kwargs: its arguments, the same for every client.
        url: the server that has its sessions; None for this process.
        key: of that server.
        listening: of a server over HTTP.
        limits: of its episodes.
    """

    env_id: str
    kwargs: Mapping[str, Any]
    url: str | None
    key: str | None
    listening: Listening
    limits: Limits


def serve_stdio(served: Served) -> None:
    """Serve one client over standard input and output until the input ends.

    Raises:
        UsageError: if the package `mcp` is missing, or the environment cannot be made.
    """
    check_installed("MCP")
    from mcp.server.stdio import stdio_server

    async def run() -> None:
        lines: Any = lines_of_stdin() if can_be_waited_for() else None
        async with _speaking(served, connected=True) as server, stdio_server(lines) as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    asyncio.run(run())


def serve_http(served: Served, say: Callable[[str], None]) -> None:
    """Serve clients over HTTP until Ctrl-C or SIGTERM.

    Args:
        served: what.
        say: is told the address.

    Raises:
        UsageError: as `serve_stdio`, or if the address cannot be had.
    """
    check_installed("MCP")
    config, limits = served.listening, served.limits
    keys = load_keys(config)
    (listening,) = listen(config.host, config.port)

    async def run() -> None:
        import uvicorn
        from mcp.server.transport_security import TransportSecuritySettings

        async with _speaking(served, connected=False) as server:
            app = server.streamable_http_app(
                streamable_http_path=PATH,
                session_idle_timeout=limits.ttl_s,
                max_sessions=limits.max_sessions,
                max_request_body_size=MAX_LINE_BYTES,
                transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            )
            settings = uvicorn.Config(
                Door(app, config.visitors, keys),
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=_MOST_AT_ONCE,
                timeout_graceful_shutdown=1,
            )
            host, port = listening.getsockname()[:2]
            say(f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}")
            await uvicorn.Server(settings).serve([listening])

    with listening:
        asyncio.run(run())


@asynccontextmanager
async def _speaking(served: Served, *, connected: bool) -> AsyncIterator[Any]:
    """Give the server for as long as the block lasts; its episodes end with it."""
    async with _sessions(served) as client:
        handles = Handles(client, served.env_id, served.kwargs)
        tools = offered(await _tools(client, served))
        log.info("serving %s over MCP: %s", served.env_id, ", ".join(tools))
        try:
            yield Speaker(handles, tools, served.env_id, connected=connected).server(__version__)
        finally:
            await handles.end_all()


@asynccontextmanager
async def _sessions(served: Served) -> AsyncIterator[SessionClient]:
    """Open the way to the sessions: of a server, or of a service in this process."""
    if served.url is not None:
        client = connect(served.url, served.key, budget_s=_SERVER_S)
        try:
            yield client
        finally:
            await client.aclose()
        return
    service = Service(Catalogue([served.env_id], trusted=True), limits=served.limits)
    reaper = asyncio.create_task(keep_reaping(service))
    try:
        yield SessionClient(LocalTransport(service), budget_s=_ROOM_S)
    finally:
        reaper.cancel()
        with suppress(asyncio.CancelledError):
            await reaper
        await service.aclose()


async def _tools(client: SessionClient, served: Served) -> object:
    """Begin an episode to learn which tools there are, and end it.

    Raises:
        UsageError: if it cannot be begun.
    """
    item = CreateItem(served.env_id, dict(served.kwargs))
    (row,) = await client.create([item], request_id=secrets.token_hex(16))
    if isinstance(row, Problem):
        raise UsageError(f"{served.env_id} cannot be begun: {row.detail}")
    await client.close([row.id])
    return row.info.get("tools")
