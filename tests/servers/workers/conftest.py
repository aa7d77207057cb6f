"""Two workers of one server in this process."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from turnwise.servers.http.control_plane import Application
from turnwise.servers.workers.cluster import Cluster


@pytest.fixture
def two_workers(make_service, tmp_path):
    """Return a block that gives the applications of two workers of one server, connected by real sockets.

    What else a service is given is made by functions of the worker's number.
    """

    @asynccontextmanager
    async def run(**more):
        paths = [tmp_path / "0", tmp_path / "1"]
        async with AsyncExitStack() as stack:
            apps = []
            for number, path in enumerate(paths):
                listening = stack.enter_context(socket.socket(socket.AF_UNIX))
                listening.bind(str(path))
                listening.listen()
                listening.setblocking(False)
                kept = {name: make(number) for name, make in more.items()}
                service = make_service(id_prefix=f"{number}-", **kept)
                cluster = Cluster(service, number, paths, listening)
                await stack.enter_async_context(cluster.connected())
                stack.push_async_callback(service.aclose, 1.0)
                apps.append(Application(service, calls=cluster.calls))
            yield apps

    return run
