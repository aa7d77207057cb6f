"""Servers and clients for the tests of this folder."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import uvicorn
from uvicorn.server import ServerState

from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.fast_path import StepProtocol
from turnwise.servers.http.keys import Keys
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.isolation.hosts import Isolation
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.sessions.service import Service

ROOT = Path(__file__).resolve().parents[2]
WORLDS = Path(__file__).with_name("worlds.py")
NAMES = ("Counter", "Fragile", "Gated", "Waiting", "Sleepy", "Locked", "Drifting", "Hostile")


def world(name: str) -> str:
    """Return the id of an environment of these tests."""
    return f"{WORLDS}:{name}"


@pytest.fixture(name="world")
def world_fixture() -> Callable[[str], str]:
    """Return a function from a class name to the id of an environment."""
    return world


@pytest.fixture
def make_service() -> Callable[..., Service]:
    """Return a function that builds a service which offers the worlds."""

    def build(
        isolation: dict[str, Isolation] | None = None,
        limits: Limits | None = None,
        roots: tuple[Path, ...] = (),
        **more: Any,
    ) -> Service:
        catalogue = Catalogue([world(name) for name in NAMES], isolation=isolation, data_roots=roots)
        return Service(catalogue, limits=limits, **more)

    return build


Talk = Callable[[httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def talk() -> Callable[..., None]:
    """Return a function that runs a conversation with an application, without a socket."""

    def run(service: Service, conversation: Talk, keys: Keys | None = None, **options: Any) -> None:
        options.setdefault("headers", {"content-type": "application/json"})

        async def inside() -> None:
            transport = httpx.ASGITransport(app=Application(service, keys))
            async with httpx.AsyncClient(transport=transport, base_url="http://test", **options) as http:
                await conversation(http)
            await service.aclose()

        asyncio.run(inside())

    return run


class Listening:
    """An application on a real socket of this event loop, with the protocol of the server.

    Args:
        app: what answers; anything but a front door is served as uvicorn does.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        self.config = uvicorn.Config(
            app, lifespan="off", log_config=None, server_header=False, date_header=False,
            **{"access_log": False, **options},
        )  # fmt: skip
        self.config.load()
        self.state = ServerState()
        self.port = 0
        self._clients: list[asyncio.StreamWriter] = []

    @property
    def connections(self) -> list[StepProtocol]:
        """Return the server's ends of the connections."""
        return list(self.state.connections)  # type: ignore[arg-type]

    def protocol(self) -> StepProtocol:
        if not self.config.access_log:  # pytest has put its own there
            logging.getLogger("uvicorn.access").handlers.clear()
        return StepProtocol(self.config, self.state, {})

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._clients.append(writer)
        return reader, writer

    async def close(self) -> None:
        for writer in self._clients:
            writer.transport.abort()
        for connection in self.connections:
            connection.transport.abort()
        if self.state.tasks:
            await asyncio.wait(set(self.state.tasks), timeout=5)
        while self.state.connections:
            await asyncio.sleep(0.001)


@pytest.fixture
def listening() -> Callable[..., Any]:
    """Return a function that serves an application on a socket for as long as a block lasts."""

    @asynccontextmanager
    async def run(app: Any, **options: Any) -> AsyncIterator[Listening]:
        server = Listening(app, **options)
        listener = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", 0)
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            listener.close()
            await server.close()

    return run


@pytest.fixture(scope="session")
def its_python() -> str:
    """Return a Python that has openenv-core, which wants other versions of what we use ourselves."""
    given = os.environ.get("TURNWISE_OPENENV_PYTHON", str(ROOT / ".openenv" / "bin" / "python"))
    if not Path(given).exists():
        pytest.skip("the package openenv-core is not installed: make openenv")
    return given


@pytest.fixture
def born() -> Callable[[], list[psutil.Process]]:
    """Return a function that returns the child processes that the test has started itself."""
    before = {process.pid for process in psutil.Process().children()}
    return lambda: [process for process in psutil.Process().children() if process.pid not in before]
