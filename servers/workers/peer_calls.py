"""What a worker answers to other workers of the same server.

Most are calls of the protocol on a session that this worker holds; the rest are
parts of calls that several workers do together. Arguments come as JSON from a
worker that has checked them.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Sequence
from struct import Struct
from typing import Any

import orjson

from ..http.dispatch import Answer, Calls
from ..http.keys import Caller
from ..protocol.fields import select_fields
from ..protocol.types import CreateItem, ForkItem, ResetItem, StepItem
from .routed_creation import SpreadCreation

__all__ = ["PeerCalls", "unpack_rows"]

_LENGTH = Struct("!I")


class PeerCalls:
    """Answer other workers.

    Args:
        calls: the calls on sessions of this worker alone.
        creation: makes parts of what other workers were asked to create.
    """

    def __init__(self, calls: Calls, creation: SpreadCreation) -> None:
        self.calls, self.creation = calls, creation

    def step_now(
        self, caller: Caller, row: list[Any], wait_s: float | None, fields: list[str]
    ) -> Answer | Coroutine[Any, Any, Answer]:
        """Take a step; return the answer, or what will give it."""
        item = StepItem(*row)
        service = self.calls.service
        pending = service.step(caller.name, item)
        if isinstance(pending, bytes) and not service.journal.dirty:
            return Answer(200, select_fields(pending, fields) if fields else pending)
        return self.calls.settle(pending, item, wait_s, fields)

    async def answer(self, name: str, caller: Caller, arguments: list[Any]) -> Answer:
        """Answer a call.

        Raises:
            Refused: as the call of the protocol does.
        """
        calls = self.calls
        match name, arguments:
            case "steps", [rows, wait_s, fields]:
                items = [StepItem(*row) for row in rows]
                return Answer(200, pack_rows(await calls.step_rows(caller, items, wait_s, fields)))
            case "resets", [rows, fields]:
                resets = [ResetItem(*row) for row in rows]
                return Answer(200, pack_rows(await calls.reset_rows(caller, resets, fields)))
            case "reset_one", [id, document, fields]:
                return await calls.reset_one(caller, id, document, fields)
            case "describe", [id, turn, wait_s]:
                return await calls.describe(caller, id, turn, wait_s)
            case "journal", [id]:
                return await calls.journal(caller, id)
            case "delete", [id]:
                return await calls.delete(caller, id)
            case "close", [ids]:
                return await calls.close(caller, {"ids": ids})
            case "heartbeat", [ids]:
                return await calls.heartbeat(caller, {"ids": ids})
            case _:
                return await self._together(name, caller, arguments)

    async def _together(self, name: str, caller: Caller, arguments: list[Any]) -> Answer:
        """Do this worker's part of what several workers do together."""
        calls = self.calls
        match name, arguments:
            case "create", [document, wait_s]:
                return await calls.create(caller, document, wait_s)
            case "fork", [document, wait_s]:
                return await calls.fork(caller, document, wait_s)
            case "make", [rows, request_id, keep_private]:
                makes = [CreateItem(*row) for row in rows]
                return Answer(
                    200, await self.creation.make_part(caller.name, makes, request_id, keep_private)
                )
            case "copy", [rows, request_id]:
                copies = [ForkItem(*row) for row in rows]
                return Answer(200, await self.creation.copy_part(caller.name, copies, request_id))
            case "sessions", []:
                return Answer(200, orjson.dumps(calls.session_rows(caller)))
            case "health", []:
                document = orjson.loads((await calls.health()).body)
                return Answer(200, orjson.dumps({**document, "pid": os.getpid()}))
            case "metrics", []:
                state = {"open": len(calls.service.sessions), **calls.counted().state()}
                return Answer(200, orjson.dumps(state))
        raise AssertionError(f"workers of one server know the same calls, but not {name}{arguments}")


def pack_rows(rows: Sequence[bytes]) -> bytes:
    """Join encoded rows so that they can be told apart without being decoded."""
    return b"".join([_LENGTH.pack(len(row)) + row for row in rows])


def unpack_rows(body: bytes) -> list[bytes]:
    """Undo `pack_rows`."""
    rows, start = [], 0
    while start < len(body):
        (length,) = _LENGTH.unpack_from(body, start)
        start += _LENGTH.size
        rows.append(body[start : start + length])
        start += length
    return rows
