"""Why a call was refused that goes through a router, or concerns a session on its way between servers."""

from __future__ import annotations

from .problems import short
from .types import Problem

MOVED, MOVING, SERVER_GONE = "moved", "moving", "server_gone"


def not_a_router() -> Problem:
    """Say that a link needs a key of its own."""
    return Problem(
        401,
        "unauthorized",
        "a link to this server needs a key that the key file marks with router",
        todo="start the router with --server-key-env VARIABLE, which holds that key",
    )


def moved(id: str, server: str) -> Problem:
    """Say that another server holds a session now."""
    return Problem(
        421,
        MOVED,
        f"session {id} was moved to the server {server!r}",
        id,
        expected={"server": server},
        todo="ask that server, or a router in front of both",
    )


def moving(id: str, server: str) -> Problem:
    """Say that a session is on its way to another server, and answered by none until it is there."""
    return Problem(
        503,
        MOVING,
        f"session {id} is being moved to the server {server!r}",
        id,
        expected={"server": server},
        todo="repeat the request: it is answered once, when the session is there",
    )


def server_gone(name: str, id: str | None = None) -> Problem:
    """Say that the server that a call needs does not answer."""
    return Problem(
        503,
        SERVER_GONE,
        f"the server {short(name)!r} does not answer",
        id,
        todo="repeat the request: it is answered once, when the server is back or its sessions were moved",
    )


def no_server(detail: str) -> Problem:
    """Say that no server takes what is asked."""
    return Problem(
        503, SERVER_GONE, detail, todo="repeat the request when servers are back, or start more of them"
    )


def emptying() -> Problem:
    """Say that an operator wants no new sessions at a server."""
    return Problem(503, "draining", "the server takes no new sessions", todo="create them at another server")


def not_movable(id: str, why: str) -> Problem:
    """Say that a session stays where it is."""
    return Problem(409, "not_movable", f"session {id} stays where it is: {why}", id, todo="let it end there")
