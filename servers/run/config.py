"""What a server is told at start, and the service, keys and socket that follow from it."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ...envs.registry import registered
from ...errors import UsageError
from ..http.keys import Caller, Keys
from ..isolation.containers.launcher import DEFAULT_IMAGE
from ..isolation.hosts import Isolation, isolation_of
from ..isolation.pools import build_offer
from ..protocol.limits import Limits
from ..sessions.counts import Ledger
from ..sessions.service import Service

__all__ = ["ServerConfig", "announce", "build_service", "listen", "load_keys"]

log = logging.getLogger("turnwise.servers")

MAX_WORKERS = 64
_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Say what is served, where, to whom, and within which bounds.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        port_file: where to write the port once the server answers.
        workers: how many processes answer requests, each with a share of the sessions.
        envs: ids, `module:Class` or `file.py:Class`; empty offers every registered one.
        data_roots: folders that arguments of environments may name files in.
        isolation: environment -> how it runs; "*" for those not named.
        processes: how many processes of each worker keep the environments that are isolated so,
            and how many containers.
        deadline_s: how long a reset or a step may take before its process is killed;
            0 is for ever. It needs every environment in processes or containers.
        memory_bytes: how much address space such a process may take, and how much memory a
            container; 0 is no limit, and 1 GiB for a container.
        container_image: what containers are made of.
        key_file: who may call, one `NAME SECRET [evaluation]` a line.
        key_env: the environment variable that holds the one key.
        limits: sizes, counts and times.
        journal: the file in which sessions outlive the server; memory only without it.
        journal_sync: NORMAL survives the death of the process, FULL the loss of power.
        drain_s: how long requests in flight may take when the server stops.
        log_json: log JSON lines.
        telemetry: where a collector takes traces, OTLP over HTTP; none are made without it.
        until_eof: stop when standard input closes, so that a server never outlives
            the process that started it, even one that was killed.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    port_file: Path | None = None
    workers: int = 1
    envs: tuple[str, ...] = ()
    data_roots: tuple[Path, ...] = ()
    isolation: Mapping[str, Isolation] = field(default_factory=dict)
    processes: int = 2
    deadline_s: float = 0.0
    memory_bytes: int = 0
    container_image: str = DEFAULT_IMAGE
    key_file: Path | None = None
    key_env: str | None = None
    limits: Limits = field(default_factory=Limits)
    journal: Path | None = None
    journal_sync: Literal["NORMAL", "FULL"] = "NORMAL"
    drain_s: float = 30.0
    log_json: bool = False
    telemetry: str | None = None
    until_eof: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MAX_WORKERS:
            raise UsageError(f"workers must be from 1 to {MAX_WORKERS}, got {self.workers}")
        if self.telemetry is not None:
            _check_telemetry(self.telemetry)


def build_service(config: ServerConfig, id_prefix: str = "", ledger: Ledger | None = None) -> Service:
    """Build the session service that a configuration asks for.

    Args:
        config: what is served.
        id_prefix: begins the id of every session made there.
        ledger: where sessions are counted, for a worker among several.

    Raises:
        UsageError: if it contradicts itself.
    """
    ids = config.envs or registered()
    loose = [one for one in ids if isolation_of(config.isolation, one) not in ("process", "container")]
    if config.deadline_s and loose:
        raise UsageError(
            f"a deadline of {config.deadline_s:g} s can only be kept by killing, and {min(loose)!r} runs "
            f"{isolation_of(config.isolation, min(loose))}: add --isolation process, or container"
        )
    offer = build_offer(config)
    journal = None
    if config.journal is not None:
        from ..sessions.journal.sqlite import SqliteJournal

        journal = SqliteJournal(
            config.journal,
            synchronous=config.journal_sync,
            max_answers=config.limits.max_requests,
            wait_s=config.drain_s,  # workers whose parent was killed are still finishing what runs
        )
    return Service(offer, limits=config.limits, journal=journal, id_prefix=id_prefix, ledger=ledger)


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


def listen(host: str, port: int, num: int = 1) -> list[socket.socket]:
    """Listen on an address with `num` sockets, among which the system spreads connections.

    Where the system cannot, on others than Linux, it is the same socket `num` times.

    Raises:
        UsageError: if the address cannot be had.
    """
    spreads = num > 1 and sys.platform == "linux"
    first = _bind(host, port, shared=False)
    if not spreads:
        first.listen(_BACKLOG)
        return [first] * num
    port = first.getsockname()[1]
    first.close()  # nobody else listens there; from now on only sockets of this user can
    sockets = [_bind(host, port, shared=True) for _ in range(num)]
    for one in sockets:
        one.listen(_BACKLOG)
    return sockets


def _bind(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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


def _check_telemetry(url: str) -> None:
    """Refuse an address that is none, and telemetry without what it needs."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"telemetry {url!r}: expected http://HOST:PORT of an OpenTelemetry collector")
    try:
        from ..http import tracing as telemetry  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"telemetry needs OpenTelemetry's SDK and exporter ({error}): pip install 'turnwise[telemetry]'"
        ) from error


def announce(config: ServerConfig, listening: socket.socket) -> None:
    """Say where the server answers, in the log and in the port file."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    num = len(config.envs) or len(registered())
    log.info("serving %d environments on http://%s:%d (documentation: /docs)", num, shown, port)
    if config.port_file is not None:
        _write_port(config.port_file, port)


def _write_port(file: Path, port: int) -> None:
    """Write the port so that a reader never sees half of it."""
    part = file.with_name(file.name + ".part")
    part.write_text(f"{port}\n", encoding="ascii")
    part.replace(file)
