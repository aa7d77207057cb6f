"""The gateway as a server: by itself, or beside a training in its process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Iterator

import uvicorn

from ...errors import ServerError
from ...files import write_whole
from ...servers.http.bounded_config import BoundedConfig
from ...servers.run.build import load_keys
from ...servers.run.listening import listen
from .app import GatewayApp
from .config import GatewayConfig
from .house import Gateway

log = logging.getLogger("turnwise.gateway")

_START_S = 30.0


def serve(gateway: Gateway, config: GatewayConfig) -> None:
    """Serve until SIGTERM or Ctrl-C; episodes that still go on end as deadline.

    Raises:
        UsageError: if keys cannot be read, or the address cannot be had.
    """
    app = GatewayApp(gateway, config.door.visitors, load_keys(config.door))
    (listening,) = listen(config.door.host, config.door.port)
    with listening:
        host, port = listening.getsockname()[:2]
        log.info("the gateway of %s is on http://%s:%d", gateway.asking.policy.name, host, port)
        if config.port_file is not None:
            write_whole(config.port_file, f"{port}\n".encode())
        # what is loaded now stays: looking through it again and again would be a part of a call's time
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        server = _config(app)
        with asyncio.Runner(loop_factory=server.get_loop_factory()) as runner:
            runner.run(uvicorn.Server(server).serve([listening]))


@contextlib.asynccontextmanager
async def beside(gateway: Gateway) -> AsyncIterator[str]:
    """Serve from this process on a free port of loopback; episodes are opened and ended in it alone.

    Yields:
        the address.

    Raises:
        ServerError: if it does not start.
    """
    (listening,) = listen("127.0.0.1", 0)
    with listening:
        server = _Beside(_config(GatewayApp(gateway, opens=False), watches=False))
        serving = asyncio.ensure_future(server.serve([listening]))
        try:
            await _started(server, serving)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            await serving


async def _started(server: uvicorn.Server, serving: asyncio.Future[None]) -> None:
    async with asyncio.timeout(_START_S):
        while not server.started:
            if serving.done():
                raise ServerError("the gateway could not start; its log says why")
            await asyncio.sleep(0.01)


class _Beside(uvicorn.Server):
    """A server that leaves signals to the process that it is in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


def _config(app: GatewayApp, *, watches: bool = True) -> uvicorn.Config:
    return BoundedConfig(
        app,
        0,
        ws="none",
        lifespan="on" if watches else "off",
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
