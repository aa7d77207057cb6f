"""The calls by which an operator takes a session over, and gives it back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson

from ..protocol.bodies import GiveBody, TakeBody
from ..protocol.problems import Refused
from ..sessions.session import Session
from ..sessions.taken import Operated, not_in_hand
from .messages import Request, Response

if TYPE_CHECKING:
    from ..sessions.service import Service

log = logging.getLogger("turnwise.servers")


class TakingCalls:
    """These calls, for the calls of a server to include."""

    service: Service

    async def take(self, request: Request, body: TakeBody) -> Response:
        """Take a session over, also from whoever has taken it before."""
        session = self._found(request)
        operated = session.operated = Operated(body.reason, session.record.episode)
        log.info("session %s was taken over at turn %d", request.id, session.turn)
        return Response(200, orjson.dumps({"id": request.id, "hand": operated.hand}))

    async def give(self, request: Request, body: GiveBody) -> Response:
        """Let whoever plays a session play on, from where it stands."""
        session = self._found(request)
        if session.operated is None or not session.operated.holds(body.hand):
            raise Refused(not_in_hand(request.id))
        session.operated.hand = ""
        log.info("session %s was given back at turn %d", request.id, session.turn)
        return Response(200, orjson.dumps({"id": request.id}))

    def _found(self, request: Request) -> Session:
        session = self.service.find(request.caller.name, request.id)
        if session is None:  # or it is of a hosted run
            raise Refused(self.service.moves.missing(request.caller.name, request.id))
        return session
