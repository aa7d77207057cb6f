"""Sessions carried from one server to another; the steps and why they are safe: `sessions.moves`.

Whoever carries may die between any two steps. The first server then says of the session that it is
moving, and whoever hears that, a router with a step or the next `drain`, carries it the rest of the way.
"""

from __future__ import annotations

import logging
from typing import Any

import orjson

from ..http.keys import ANYONE
from ..protocol.encoding import problem_from
from ..protocol.problems import PROBLEM_TYPE, Refused
from ..protocol.router_problems import server_gone
from .fleet import Fleet, Server

log = logging.getLogger("turnwise.servers")


async def handed_over(fleet: Fleet, source: Server, id: str, target: str) -> str:
    """Carry a session, or the rest of the way; return the name of the server that holds it then.

    Args:
        fleet: the servers.
        source: who holds it, or lets it go already.
        id: the session.
        target: the name of where it goes; where it was on its way already, it goes on there.

    Returns:
        the name of the source, if the target refuses; "" if that cannot be said yet.

    Raises:
        Refused: if the source does not let it go.
    """
    going = await _asked(source, "depart", id, target)
    there = fleet.named(str(going["server"]))
    if there is None:
        return ""
    hop = int(going["hop"])
    answer = await _asked(there, "arrive", id, going["record"], hop, float(going["idle_s"]))
    arrived = bool(answer["arrived"])
    await _asked(source, "departed", id, hop, arrived)
    if not arrived:
        log.warning("session %s stays at %s: %s", id, source.name, answer["reason"])
    return there.name if arrived else source.name


async def _asked(server: Server, name: str, *arguments: Any) -> dict[str, Any]:
    if server.link is None:
        raise Refused(server_gone(server.name), retry_after_s=1.0)
    answer = await server.link.call(name, ANYONE, *arguments)
    document: dict[str, Any] = orjson.loads(answer.body)
    if answer.media_type == PROBLEM_TYPE:
        raise Refused(problem_from(document), answer.retry_after_s)
    return document
