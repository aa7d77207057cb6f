"""A router from its settings to its end."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ..http.keys import Keys
from ..isolation.catalogue import Catalogue
from ..protocol.limits import Limits
from ..run.build import load_keys
from ..run.listening import announce_at, listen
from ..run.logs import configure_logs
from ..run.process import run_server
from ..run.serve import check_standard_input
from ..sessions.service import Service
from .calls import RouterCalls
from .config import DoorConfig, FleetConfig
from .door import RouterDoor
from .fleet import Fleet

log = logging.getLogger("turnwise.servers")

_START_S = 5.0


def route(config: DoorConfig, fleet: FleetConfig) -> int:
    """Route until SIGTERM or SIGINT, then finish what runs and stop.

    Returns:
        0 after SIGTERM, 130 after SIGINT.

    Raises:
        UsageError: if the settings cannot be served.
    """
    if config.until_eof:
        check_standard_input()
    keys = load_keys(config)
    (listening,) = listen(config.host, config.port)
    with listening:
        configure_logs(as_json=config.log_json)
        app = build_router(config, fleet, keys)
        return run_server(
            app,
            config,
            listening,
            on_start=lambda: announce_at(config, listening, "routing"),
            stop_at_end_of=sys.stdin.fileno() if config.until_eof else None,
        )


def build_router(config: DoorConfig, fleet_config: FleetConfig, keys: Keys | None) -> RouterDoor:
    """Build what answers requests.

    Raises:
        UsageError: if the servers cannot be asked as is said.
    """
    fleet = Fleet(fleet_config)
    service = Service(Catalogue([]), limits=Limits(rate=config.rate))
    calls = RouterCalls(service, fleet)

    @asynccontextmanager
    async def connected() -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, fleet.reread)
        await fleet.look()
        looking = asyncio.create_task(fleet.keep_looking())
        await fleet.settle(_START_S)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            await fleet.aclose()

    return RouterDoor(calls, keys=keys, visitors=config.visitors, connected=connected, drain_s=config.drain_s)
