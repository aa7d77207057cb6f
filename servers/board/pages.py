"""The pages of leaderboards: of a server, or of folders in `turnwise view`. None of them changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from ...errors import UsageError
from ..pages.sending import answer
from ..pages.writing import Writer
from .heat import heat_map_of
from .sheet import LINES, Sheet

TEMPLATES = Path(__file__).parent / "templates"
Find = Callable[[Request, str, int | None], Sheet]
_MOST = 1 << 31


def boards_page(
    writer: Writer,
    sheets: Sequence[Sheet],
    empty: str,
    *,
    sign_in: bool = False,
    refused: Mapping[str, str] | None = None,
) -> bytes:
    """Return the page that lists boards.

    Args:
        writer: has the templates.
        sheets: what is listed.
        empty: what is said where there is none.
        sign_in: whether it offers to give a key.
        refused: what is on no board, and why.
    """
    values = {"sheets": sheets, "empty": empty, "sign_in": sign_in, "refused": refused or {}}
    return writer.page("boards.html", values)


def add_board_pages(app: FastAPI, writer: Writer, find: Find, *, up: str, prefix: str = "") -> None:
    """Add the pages of one board and of two runs compared.

    Args:
        app: where.
        writer: has the templates.
        find: returns the board that a request asks for; raises what the application answers.
        up: the address of the list of boards, from these.
        prefix: of their addresses.
    """

    async def board(request: Request, of: str, version: str = "", first: str = "0") -> Response:
        sheet = find(request, of, whole(version, "version") or None)
        start = whole(first, "first")
        values = {
            "sheet": sheet,
            "page": sheet.table.page(start, LINES),
            "first": start,
            "count": LINES,
            "total": len(sheet.table),
            "heat": heat_map_of(sheet),
        }
        return answer(request, writer.page("board.html", {**values, **_links(sheet, up)}))

    async def pair(request: Request, of: str, a: str = "", b: str = "", version: str = "") -> Response:
        sheet = find(request, of, whole(version, "version") or None)
        runs = [sheet.table.find(id) for id in (a, b)]
        if runs[0] is None or runs[1] is None:
            raise UsageError("a run of this board is missing; choose two of its page")
        found = await asyncio.to_thread(sheet.compare, runs[0], runs[1])
        values = {
            "sheet": sheet,
            "found": found,
            "pair": [sheet.table.line(run) for run in runs if run is not None],
            "rates": sheet.facts.get("metric") == "success",
        }
        return answer(request, writer.page("board-pair.html", {**values, **_links(sheet, up)}))

    app.add_api_route(f"{prefix}/board", board, methods=["GET"], include_in_schema=False)
    app.add_api_route(f"{prefix}/board-pair", pair, methods=["GET"], include_in_schema=False)


def writer_of_boards(*folders: Path) -> Writer:
    """Return what writes pages of boards, and those of other folders."""
    return Writer(*folders, TEMPLATES)


def whole(given: str, name: str) -> int:
    """Read a whole number of an address; "" is 0.

    Raises:
        UsageError: if it is not one.
    """
    if not given:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) < 11 and int(given) <= _MOST):
        raise UsageError(f"{name}={given[:40]!r}: expected a whole number up to {_MOST}")
    return int(given)


def _links(sheet: Sheet, up: str) -> dict[str, Any]:
    version = sheet.facts.get("version")
    return {"up": up, "version": "" if version is None else f"&version={int(version)}"}
