"""Run a server: settings in, a process that listens until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import uvicorn

from ..errors import UsageError
from .app import Application
from .hosts import Isolation
from .keys import Caller, Keys
from .limits import Limits
from .logs import configure_logs
from .offer import Offer
from .process_hosts import ProcessPool
from .service import Service

__all__ = ["ServerConfig", "build_service", "serve"]

log = logging.getLogger("turnwise.servers")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Say what is served, where, to whom, and within which bounds.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        port_file: where to write the port once the server answers.
        envs: ids, `module:Class` or `file.py:Class`; empty offers every registered one.
        data_roots: folders that arguments of environments may name files in.
        isolation: environment -> how it runs; "*" for those not named.
        processes: how many processes keep the environments that are isolated so.
        deadline_s: how long a reset or a step may take before its process is killed;
            0 is for ever. It needs every environment in processes.
        memory_bytes: how much address space such a process may take; 0 is no limit.
        key_file: who may call, one `NAME SECRET [evaluation]` a line.
        key_env: the environment variable that holds the one key.
        limits: sizes, counts and times.
        journal: the file in which sessions outlive the server; memory only without it.
        journal_sync: NORMAL survives the death of the process, FULL the loss of power.
        drain_s: how long requests in flight may take when the server stops.
        log_json: log JSON lines.
        until_eof: stop when standard input closes, so that a server never outlives
            the process that started it, even one that was killed.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    port_file: Path | None = None
    envs: tuple[str, ...] = ()
    data_roots: tuple[Path, ...] = ()
    isolation: Mapping[str, Isolation] = field(default_factory=dict)
    processes: int = 2
    deadline_s: float = 0.0
    memory_bytes: int = 0
    key_file: Path | None = None
    key_env: str | None = None
    limits: Limits = field(default_factory=Limits)
    journal: Path | None = None
    journal_sync: Literal["NORMAL", "FULL"] = "NORMAL"
    drain_s: float = 30.0
    log_json: bool = False
    until_eof: bool = False


def serve(config: ServerConfig) -> int:
    """Serve until SIGTERM or SIGINT, then finish what runs and stop.

    Returns:
        0 after SIGTERM, 130 after SIGINT.

    Raises:
        UsageError: if the settings cannot be served.
    """
    app = Application(build_service(config), load_keys(config), drain_s=config.drain_s)
    listening = _listen(config.host, config.port)
    configure_logs(as_json=config.log_json)
    server = _Server(app, config)
    # what is loaded now stays: looking through it again and again is a tenth of a step's time
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    with asyncio.Runner(loop_factory=_loop_factory) as runner:
        runner.run(server.serve([listening]))
    if not server.started:
        raise UsageError("the server could not start; its log says why")
    code = 130 if server.stopped_by == signal.SIGINT else 0
    if app.num_stuck:  # their threads would keep the interpreter from ending
        log.warning("%d steps still run and are left behind", app.num_stuck)
        logging.shutdown()
        os._exit(code)
    return code


def build_service(config: ServerConfig) -> Service:
    """Build the session service that a configuration asks for.

    Raises:
        UsageError: if it contradicts itself.
    """
    pool = None
    if "process" in config.isolation.values():
        pool = ProcessPool(config.processes, deadline_s=config.deadline_s, memory_bytes=config.memory_bytes)
    offer = Offer(config.envs, data_roots=config.data_roots, isolation=config.isolation, processes=pool)
    loose = [env_id for env_id in offer.ids() if offer.isolation_of(env_id) != "process"]
    if config.deadline_s and loose:
        raise UsageError(
            f"a deadline of {config.deadline_s:g} s can only be kept by killing, and {loose[0]!r} runs "
            f"{offer.isolation_of(loose[0])}: add --isolation process"
        )
    journal = None
    if config.journal is not None:
        from .journal_file import SqliteJournal

        journal = SqliteJournal(
            config.journal, synchronous=config.journal_sync, max_answers=config.limits.max_requests
        )
    return Service(offer, limits=config.limits, journal=journal)


def load_keys(config: ServerConfig) -> Keys | None:
    """Load the keys that a configuration names.

    Raises:
        UsageError: if they cannot be read, or both places are named.
    """
    if config.key_file and config.key_env:
        raise UsageError("keys from a file and from an environment variable: give one of them")
    if config.key_file:
        return Keys.load(config.key_file)
    if config.key_env:
        secret = os.environ.get(config.key_env, "")
        if not secret:
            raise UsageError(f"the environment variable {config.key_env} that should hold the key is empty")
        return Keys({secret: Caller("default")})
    return None


class _Server(uvicorn.Server):
    """Be uvicorn's server with an announced start and a stop that ends in exit code 0."""

    def __init__(self, app: Application, config: ServerConfig) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="websockets-sansio",
                ws_max_size=config.limits.max_body_bytes,
                ws_ping_interval=20.0,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=int(max(1.0, config.drain_s)),
            )
        )
        self._app, self._settings = app, config
        self.stopped_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say where."""
        await super().startup(sockets)
        if not self.started or not sockets:
            return
        host, port = sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        names = self._app.service.offer.ids()
        log.info("serving %d environments on http://%s:%d (documentation: /docs)", len(names), shown, port)
        if self._settings.port_file is not None:
            _write_port(self._settings.port_file, port)
        if self._settings.until_eof:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read_stdin)

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            log.info("standard input has closed: whoever started this server is gone")
            self._stop(signal.SIGTERM)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; a second one does not wait for what runs."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _stop(self, number: int) -> None:
        log.info("stopping: no new sessions, requests in flight are finished")
        self._app.service.draining = True
        self.force_exit = self.stopped_by is not None
        self.stopped_by = number
        self.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            "choose another --port, or 0 for a free one"
        ) from error
    listening.setblocking(False)
    return listening


def _write_port(file: Path, port: int) -> None:
    """Write the port so that a reader never sees half of it."""
    part = file.with_name(file.name + ".part")
    part.write_text(f"{port}\n", encoding="ascii")
    part.replace(file)


def _loop_factory() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
