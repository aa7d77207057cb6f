"""A call of the protocol at one server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..http.keys import Caller
from ..http.messages import Request, Response
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem
from ..protocol.router_problems import server_gone
from .fleet import Server


async def ask(server: Server, name: str, caller: Caller, arguments: Sequence[Any]) -> Response:
    """Make a call at a server; a problem if it is gone."""
    if server.link is None:
        return Response(503, encode_problem(server_gone(server.name)), PROBLEM_TYPE, 1.0)
    try:
        return await server.link.call(name, caller, *arguments)
    except Refused as refusal:
        return Response(
            refusal.problem.status, encode_problem(refusal.problem), PROBLEM_TYPE, refusal.retry_after_s
        )


def arguments_of(request: Request) -> list[Any]:
    """Return what a link carries of a request, but for who asks."""
    return [request.body, request.id, request.turn, request.wait_s, request.fields, dict(request.query)]
