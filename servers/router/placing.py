"""Which server a new session goes to: where there is room, and the same one when a request is repeated.

A router remembers no request; the server that answered one does. So the place of a part of a request
follows from its name alone (highest random weight: Thaler and Ravishankar, "Using name-based mappings
to increase hit rates", 1998), among the servers that are about as empty as the emptiest. How empty
counts to a factor of two, so that it seldom changes between a request and its repetition.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from .fleet import Server

LEAST_PART = 8
"""Sessions that are worth a request of their own."""
_FULLER = 2  # as full as this in `Server.size` below the emptiest


def ranked(servers: Sequence[Server], owner: str, request_id: str | None) -> list[Server]:
    """Order servers for a request: those with room first, each of which gets parts of it; then all others.

    Args:
        servers: those that can be called.
        owner: the key that asks.
        request_id: the name of the request; one without a name cannot be repeated, and is placed at random.
    """
    name = f"{owner} {request_id}" if request_id is not None else secrets.token_hex(8)

    def weight(server: Server) -> bytes:
        return hashlib.blake2b(f"{name} {server.name}".encode(), digest_size=8).digest()

    best = max((server.size for server in servers if server.takes_more), default=-1)
    return sorted(servers, key=lambda server: (not _roomy(server, best), weight(server)))


def num_parts(servers: Sequence[Server], num: int) -> int:
    """Return among how many servers so many sessions are spread."""
    best = max((server.size for server in servers if server.takes_more), default=-1)
    roomy = sum(_roomy(server, best) for server in servers)
    return max(1, min(roomy, num // LEAST_PART))


def _roomy(server: Server, best: int) -> bool:
    return server.takes_more and server.size >= best - _FULLER
