"""What a server answers to routers alone: who it is, how much it holds, and moves of sessions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import orjson

from ..protocol.encoding import PROTOCOL
from .keys import Caller
from .messages import Response

if TYPE_CHECKING:
    from ..benchmarks.hosting import Hosting
    from ..sessions.service import Service


class RouterSideCalls(ABC):
    """These calls, for the calls of a server to include, which say how it is."""

    service: Service
    hosting: Hosting | None

    async def of_router(self, name: str, caller: Caller, arguments: list[Any]) -> Response:
        """Answer a call that only routers make."""
        moves = self.service.moves
        match name, arguments:
            case "hello", []:
                return Response(200, orjson.dumps(self._hello()))
            case "state", []:
                return Response(200, orjson.dumps(await self._state()))
            case "locate", [list(ids)]:
                held = self.service.sessions
                here = [id for id in ids if id in held and held[id].record.owner == caller.name]
                return Response(200, orjson.dumps({"here": here}))
            case "empty", [bool(wanted)]:
                moves.emptying = wanted
                return Response(200, orjson.dumps({"emptying": wanted}))
            case "held", []:
                return Response(200, orjson.dumps(moves.held()))
            case "depart", [str(id), str(server)]:
                return Response(200, orjson.dumps(await moves.depart(id, server)))
            case "arrive", [str(), dict(record), int(hop), float() | int() as idle_s]:
                return Response(200, orjson.dumps(await moves.arrive(record, hop, idle_s)))
            case "departed", [str(id), int(hop), bool(arrived)]:
                await moves.departed(id, hop, arrived)
                return Response(200, b"{}")
        raise AssertionError(f"a router of this protocol does not call {name}{arguments}")

    @abstractmethod
    async def health(self) -> Response:
        """Say how the server is."""

    def _hello(self) -> dict[str, Any]:
        from ... import __version__

        service = self.service
        return {
            "name": service.id_prefix.rpartition(".")[0],
            "protocol": PROTOCOL,
            "version": __version__,
            "max_sessions": service.limits.max_sessions,
            "hosts": self.hosting is not None,
        }

    async def _state(self) -> dict[str, Any]:
        document: dict[str, Any] = orjson.loads((await self.health()).body)
        return {
            "status": document["status"],
            "sessions": self.service.ledger.held_by_all(),
            "emptying": self.service.moves.emptying,
        }
