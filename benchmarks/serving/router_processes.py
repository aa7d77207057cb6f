"""Servers and routers as processes that are forked, killed, and started again where they were.

What `turnwise serve` and `turnwise router` run is run here in processes forked from one that has
imported it, so that a start costs milliseconds and a kill is a kill.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from turnwise.servers.router.config import DoorConfig, FleetConfig
from turnwise.servers.run.config import ServerConfig

__all__ = ["Forked", "fleet_of", "router_process", "server_process"]

_START_S = 120.0
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "turnwise.servers.run.serve",
        "turnwise.servers.router.run",
        "turnwise.servers.sessions.journal.sqlite",
        "turnwise.envs.swe.instances.records",
    ]
)


class Forked:
    """A process that listens, on the same port each time that it is started.

    Args:
        run: what it runs, given its settings.
        settings: among which `port` and `port_file` are set here.
        more: further arguments of `run`.
    """

    def __init__(self, run: Callable[..., int], settings: Any, *more: Any) -> None:
        self._run, self._settings, self._more = run, settings, more
        self._folder = tempfile.TemporaryDirectory()
        self._port = 0
        self._process: Any = None
        self.log_file = Path(self._folder.name) / "log"

    @property
    def pid(self) -> int:
        """Return the process id."""
        return int(self._process.pid)

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Forked:
        """Start it, and wait until it answers."""
        port_file = Path(self._folder.name) / "port"
        port_file.unlink(missing_ok=True)
        settings = replace(self._settings, port=self._port, port_file=port_file)
        arguments = (self._run, self.log_file, settings, *self._more)
        self._process = _CONTEXT.Process(target=_logged, args=arguments, daemon=True)
        self._process.start()
        deadline = time.monotonic() + _START_S
        while not port_file.exists():
            if not self._process.is_alive() or time.monotonic() > deadline:
                raise AssertionError(f"it did not start:\n{self.log_file.read_text()[-4000:]}")
            time.sleep(0.01)
        self._port = int(port_file.read_text())
        return self

    def kill(self) -> None:
        """Kill it at once."""
        self._process.kill()
        self._process.join()

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self._process.terminate()
        self._process.join(60)
        return int(self._process.exitcode)

    def __enter__(self) -> Forked:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.is_alive():
            self.kill()
        self._folder.cleanup()


def server_process(name: str, envs: Sequence[str], journal: Path | None = None, **more: Any) -> Forked:
    """Return a server that is not started yet."""
    return Forked(_serve, ServerConfig(name=name, envs=tuple(envs), journal=journal, **more))


def router_process(fleet: FleetConfig, **more: Any) -> Forked:
    """Return a router that is not started yet."""
    return Forked(_route, DoorConfig(**more), fleet)


def fleet_of(servers: Sequence[Forked], **more: Any) -> FleetConfig:
    """Return the settings by which servers that were started are found."""
    return FleetConfig(servers=tuple(server.url for server in servers), **more)


def _serve(config: ServerConfig) -> int:
    from turnwise.servers.run.serve import serve

    return serve(config)


def _route(door: DoorConfig, fleet: FleetConfig) -> int:
    from turnwise.servers.router.run import route

    return route(door, fleet)


def _logged(run: Callable[..., int], log_file: Path, *arguments: Any) -> None:
    with log_file.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.exit(run(*arguments))
