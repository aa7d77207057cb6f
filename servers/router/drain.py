"""A server emptied: no new sessions, and those that it holds carried to others, so that it can be ended."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from ...errors import ServerError, UnknownName
from ..http.joining import document_of
from ..http.keys import ANYONE
from ..protocol.problems import Refused
from .asking import ask
from .config import FleetConfig
from .fleet import Fleet, Server
from .moving import handed_over

_FIND_S = 10.0
_AT_ONCE = 16
_PAUSE_S = 0.2


@dataclass(slots=True)
class Drained:
    """What became of the sessions of a server.

    Args:
        moved: how many other servers hold now.
        stay: ids of those that cannot be moved: of hosted runs, broken, or in an operator's hand.
        left: why others are there still, by their ids.
    """

    moved: int = 0
    stay: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


async def told(config: FleetConfig, name: str, wanted: bool) -> int:
    """Tell a server to take no new sessions, or to take them again; return how many it holds.

    Raises:
        UnknownName: if no server of this name answers.
        ServerError: if it refuses.
    """
    async with _Found(config) as fleet:
        server = _named(fleet, name)
        await _asked(server, "empty", wanted)
        return int((await _asked(server, "state"))["sessions"])


async def moved_away(config: FleetConfig, name: str, wait_s: float) -> Drained:
    """Tell a server to take no new sessions, and carry those that it holds to others.

    Args:
        config: where the servers are.
        name: of the server.
        wait_s: how long to come back to sessions that are busy, or that nobody takes.

    Raises:
        UnknownName: if no server of this name answers.
        ServerError: if it refuses, or is gone in the middle; what was moved is moved.
    """
    async with _Found(config) as fleet:
        server = _named(fleet, name)
        await _asked(server, "empty", True)
        done, give_up = Drained(), time.monotonic() + wait_s
        while True:
            held = await _asked(server, "held")
            done.stay, done.left = list(held["stay"]), {}
            moved = await _carry(fleet, server, list(held["sessions"]), done)
            if moved:
                give_up = time.monotonic() + wait_s
            if not done.left and not moved:
                return done
            if time.monotonic() > give_up:
                return done
            await asyncio.sleep(_PAUSE_S if done.left else 0)


async def _carry(fleet: Fleet, source: Server, ids: list[str], done: Drained) -> int:
    """Carry each session once to where there is most room, and to another where that one refuses."""
    room, before = asyncio.Semaphore(_AT_ONCE), done.moved

    async def carry(id: str) -> None:
        async with room:
            reason = await _carried(fleet, source, id)
        if reason:
            done.left[id] = reason
        else:
            done.moved += 1

    await asyncio.gather(*[carry(id) for id in ids])
    return done.moved - before


async def _carried(fleet: Fleet, source: Server, id: str) -> str:
    """Carry a session; return why it is not elsewhere, or ""."""
    others = [server for server in fleet.answering if server is not source and server.takes_more]
    reason = "no other server takes sessions"
    for server in sorted(others, key=lambda server: (-server.room, server.name)):
        server.promised += 1
        try:
            holder = await handed_over(fleet, source, id, server.name)
        except Refused as refusal:
            return "" if refusal.problem.code in ("moved", "unknown_session") else refusal.problem.detail
        if holder and holder != source.name:
            return ""
        reason = f"{server.name} refuses it" if holder else f"{server.name} does not answer"
    return reason


async def states(config: FleetConfig) -> list[dict[str, object]]:
    """Return how every server is: name, address, status, sessions, room."""
    async with _Found(config) as fleet:
        return [
            {
                "name": server.name,
                "address": server.place.shown,
                "status": "emptying" if server.emptying and server.answers else server.status,
                "sessions": server.num_sessions,
                "room": server.room,
            }
            for server in fleet.servers.values()
        ]


class _Found:
    """The servers, for as long as a block lasts."""

    def __init__(self, config: FleetConfig) -> None:
        self._fleet = Fleet(config)

    async def __aenter__(self) -> Fleet:
        await self._fleet.look()
        await self._fleet.settle(_FIND_S)
        return self._fleet

    async def __aexit__(self, *_: object) -> None:
        await self._fleet.aclose()


def _named(fleet: Fleet, name: str) -> Server:
    server = fleet.named(name)
    if server is None:
        known = [server.name for server in fleet.answering]
        raise UnknownName("server", name, known, f"; those that answer: {', '.join(known) or 'none'}")
    return server


async def _asked(server: Server, name: str, *arguments: object) -> dict[str, Any]:
    try:
        return document_of(await ask(server, name, ANYONE, arguments))
    except Refused as refusal:
        raise ServerError(f"server {server.name}: {refusal.problem.detail}") from refusal
