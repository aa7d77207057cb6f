"""What a worker answers to other workers of the same server.

Most are calls of the protocol on sessions that this worker holds; the rest are parts of
what several workers do together. Arguments come as JSON from a worker that has checked
them.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine
from typing import Any

import orjson

from ..http.dispatch import Calls
from ..http.frames import pack_rows
from ..http.keys import Caller
from ..http.messages import Request, Response
from ..protocol.bodies import items_of
from ..protocol.calls import CALLS
from ..protocol.encoding import read_step, select_fields
from ..protocol.types import CreateItem, ForkItem
from .routed_creation import RoutedCreation


class WorkerCalls:
    """What other workers may call.

    Args:
        calls: the calls on sessions of this worker alone.
        creation: makes parts of what other workers were asked to create.
    """

    def __init__(self, calls: Calls, creation: RoutedCreation) -> None:
        self.calls, self.creation = calls, creation

    def step_now(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Take a step; return the answer, or what will give it."""
        service = self.calls.service
        item = read_step(request.body, request.id, service.limits)
        pending = service.step(request.caller.name, item)
        if isinstance(pending, bytes) and not service.journal.dirty:
            return Response(200, select_fields(pending, request.fields) if request.fields else pending)
        return self.calls.settle(pending, item, request.wait_s, request.fields)

    async def answer(self, name: str, caller: Caller, arguments: list[Any]) -> Response:
        """Answer a call of the protocol, or do a part of what several workers do together.

        Raises:
            Refused: as the call of the protocol does.
        """
        call = CALLS.get(name)
        if call is None:
            return await self._together(name, caller, arguments)
        request = Request(caller, *arguments)
        if call.answer == "items":
            return Response(
                200, pack_rows(await self.calls.rows(call, request, items_of(call, request.body)))
            )
        return await self.calls.call(call, request)

    async def _together(self, name: str, caller: Caller, arguments: list[Any]) -> Response:
        calls = self.calls
        match name, arguments:
            case "make", [rows, request_id, keep_private]:
                makes = [CreateItem(*row) for row in rows]
                body = await self.creation.make_part(caller.name, makes, request_id, keep_private)
                return Response(200, body)
            case "copy", [rows, request_id]:
                copies = [ForkItem(*row) for row in rows]
                return Response(200, await self.creation.copy_part(caller.name, copies, request_id))
            case "of_router", [str(name), *rest]:
                return await calls.of_router(name, caller, rest)
            case "health", []:
                document = orjson.loads((await calls.health()).body)
                return Response(200, orjson.dumps({**document, "pid": os.getpid()}))
            case "metrics", []:
                state = {"open": calls.open_by_env(), **calls.counted().state()}
                return Response(200, orjson.dumps(state))
        raise AssertionError(f"workers of one server know the same calls, but not {name}{arguments}")
