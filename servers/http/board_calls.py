"""The calls of leaderboards, and who may make them without a key."""

from __future__ import annotations

import asyncio

import orjson

from ..benchmarks import refusals
from ..benchmarks.hosting import Hosting
from ..benchmarks.looking import boards_for, sheet_for
from ..board.sheet import LINES, MOST_LINES, Sheet
from ..protocol.calls import CALLS
from ..protocol.problems import Refused, bad_request
from .keys import Caller
from .messages import Request, Response

_NOBODY = ("",)  # the benchmarks of one without a key: none, and nothing else may be called
_PATHS = tuple(CALLS[name].path.split("{id}") for name in ("board", "board_pair"))
_MOST = 1 << 31


def visitor(method: str, path: str, hosting: Hosting | None) -> Caller | None:
    """Return one without a key who asks for a public board; None where a key is needed."""
    if hosting is None or method != "GET":
        return None
    public = boards_for(hosting, ())
    asked = {f"{before}{name}{after}" for name in public for before, after in _PATHS}
    return Caller("", True, _NOBODY) if path in asked else None


class BoardCalls:
    """The calls of leaderboards, for the calls of a server to include."""

    hosting: Hosting | None

    async def board(self, request: Request, _: None) -> Response:
        """Give a page of the board of a benchmark."""
        sheet = self._sheet(request)
        first = _whole(request, "first", 0, 0, _MOST)
        count = _whole(request, "count", LINES, 1, MOST_LINES)
        return Response(200, orjson.dumps(sheet.document(first, count)))

    async def board_pair(self, request: Request, _: None) -> Response:
        """Compare two runs of a board."""
        sheet = self._sheet(request)
        ids = [str(_whole(request, name, -1, 0, _MOST)) for name in ("a", "b")]
        runs = [sheet.table.find(id) for id in ids]
        first, second = runs
        if first is None or second is None:
            raise Refused(refusals.unknown_line(ids[runs.index(None)]))
        return Response(200, orjson.dumps(await asyncio.to_thread(sheet.pair, first, second)))

    def _sheet(self, request: Request) -> Sheet:
        caller = request.caller
        version = _whole(request, "version", 0, 0, _MOST) or None
        sheet = sheet_for(self.hosting, caller.benchmarks, caller.name, request.id, version)
        if sheet is None:
            raise Refused(refusals.unknown_board(request.id, version))
        return sheet


def _whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Read a whole number of the query.

    Raises:
        Refused: if it is not one, or out of bounds.
    """
    given = request.query.get(name)
    if given is None and default >= least:
        return default
    told = given or ""
    number = int(told) if told.isascii() and told.isdigit() and len(told) < 11 else -1
    if not least <= number <= most:
        raise Refused(bad_request(f"{name} is no such number", given, f"from {least} to {most}"))
    return number
