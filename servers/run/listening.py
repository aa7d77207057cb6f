"""The sockets on which a server listens, and where it says so."""

from __future__ import annotations

import logging
import socket
import sys

from ...envs.registry import registered
from ...errors import UsageError
from ...files import write_whole
from ..http.keys import Keys
from .build import Offer
from .config import ServerConfig
from .listening_config import ListeningProcess

log = logging.getLogger("turnwise.servers")

_BACKLOG = 2048


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
    for listening in sockets:
        listening.listen(_BACKLOG)
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


def announce(config: ServerConfig, listening: socket.socket) -> None:
    """Say where the server answers, in the log and in the port file."""
    num = len(config.envs) or len(registered())
    announce_at(config, listening, f"serving {num} environments")


def announce_at(config: ListeningProcess, listening: socket.socket, what: str) -> None:
    """Say what is done where, in the log and in the port file."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log.info("%s on http://%s:%d (documentation: /docs)", what, shown, port)
    if config.port_file is not None:
        write_whole(config.port_file, f"{port}\n".encode())


def announce_benchmarks(offer: Offer, keys: Keys | None) -> None:
    """Say in the log what is hosted, who signs it and who may play, and what anybody can make."""
    if offer.operator is None:
        return
    callers = [] if keys is None else keys.callers
    signed = f"signed by key {offer.operator.key.id} of {offer.operator.folder}"
    for one in offer.benchmarks:
        name, version, split = one.benchmark.name, one.benchmark.version, one.benchmark.split
        players = ", ".join(caller.name for caller in callers if name in caller.benchmarks)
        who = players or f"nobody, since no line of the key file says benchmark={name}"
        num = one.benchmark.num_tasks
        log.info(
            "hosting %s v%d: %d tasks, %s split, %s; played by %s", name, version, num, split, signed, who
        )
        if split == "public":
            log.warning('%s: anybody can make its tasks; to measure others say split = "hidden"', name)
