"""Servers and routers on real sockets of one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from uvicorn.server import ServerState

from turnwise.servers.client import SessionClient, connect
from turnwise.servers.http.bounded import BoundedHttp
from turnwise.servers.http.bounded_config import BoundedConfig
from turnwise.servers.http.bounded_socket import BoundedSocket
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import Keys
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.router.config import DoorConfig, FleetConfig
from turnwise.servers.router.run import build_router
from turnwise.servers.sessions.journal.sqlite import SqliteJournal
from turnwise.servers.sessions.service import Service

WORLDS = Path(__file__).parents[1] / "worlds.py"
COUNTER, WAITING = f"{WORLDS}:Counter", f"{WORLDS}:Waiting"


class Site:
    """An application that listens, can be unreachable, and answers again on the same port."""

    def __init__(self, app: Application) -> None:
        self.app, self.port = app, 0
        self._listener: asyncio.Server | None = None
        self._state = ServerState()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        config = BoundedConfig(self.app, 0, self.app, ws=BoundedSocket, lifespan="off")
        config.load()
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: BoundedHttp(config, self._state, {}), "127.0.0.1", self.port
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Be unreachable from now on."""
        assert self._listener is not None
        self._listener.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        while self._state.connections:
            await asyncio.sleep(0.001)


class Town:
    """Some servers, and routers in front of them."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self.sites: dict[str, Site] = {}

    async def server(
        self, name: str, limits: Limits | None = None, keys: Keys | None = None, journal: bool = True
    ) -> Site:
        kept = SqliteJournal(self._folder / f"{name}.db") if journal else None
        catalogue = Catalogue([COUNTER, WAITING])
        service = Service(catalogue, limits=limits, journal=kept, id_prefix=f"{name}." if name else "")
        site = self.sites[name] = Site(Application(service, keys))
        await site.open()
        self._stack.push_async_callback(site.app.service.aclose, 1.0)
        self._stack.push_async_callback(site.cut)
        return site

    async def router(self, urls: Sequence[str] = (), keys: Keys | None = None, **fleet: Any) -> Site:
        addresses = tuple(urls) or tuple(site.url for site in self.sites.values())
        config = FleetConfig(servers=addresses, **fleet)
        door = build_router(DoorConfig(port=0), config, keys)
        await self._stack.enter_async_context(door.control_plane.router.lifespan_context(door.control_plane))
        site = Site(door)
        await site.open()
        self._stack.push_async_callback(site.cut)
        return site

    async def client(self, site: Site, key: str | None = None, **more: Any) -> SessionClient:
        client = connect(site.url, key, **{"budget_s": 20.0, **more})
        self._stack.push_async_callback(client.aclose)
        return client


@pytest.fixture
def town(tmp_path: Path) -> Callable[[], Any]:
    """Return a block in which servers and routers live."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Town]:
        async with AsyncExitStack() as stack:
            yield Town(stack, tmp_path)

    return run
