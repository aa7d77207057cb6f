"""Leaderboards of the evaluations below a folder, which whoever played them tells: one for the same tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI, Request, Response

from ...agents.comparison.standings import Standings, standings
from ...errors import UsageError
from ...servers.benchmarks.signing import PublicKey
from ...servers.board.pages import add_board_pages, boards_page
from ...servers.board.sheet import Sheet
from ...servers.pages.sending import answer
from ...servers.pages.writing import Writer
from .places import RECORD, ROWS, Place, Places

MOST_PLACES = 500
_NONE = "Nothing here is an evaluation whose tasks can be compared."
_Stamps = tuple[tuple[Path, float], ...]


class _Boards:
    """The boards, made again when something was written."""

    def __init__(self, places: Places, keys: Mapping[str, PublicKey] | None) -> None:
        self._places, self._keys = places, keys
        self._made: tuple[_Stamps, Standings] = ((), Standings())

    def now(self) -> Standings:
        """Return what there is now."""
        listed = [place for place in self._places.list() if _can_stand(place)][:MOST_PLACES]
        stamps = tuple((place.folder, place.changed) for place in listed)
        if stamps != self._made[0]:
            names = {place.folder: place.at for place in listed}
            self._made = (stamps, standings(list(names), self._keys, names=names))
        return self._made[1]

    def find(self, _: Request, of: str, __: int | None) -> Sheet:
        """Return the board of a word.

        Raises:
            UsageError: if there is none.
        """
        found = [sheet for sheet in self.now().sheets if sheet.of == of]
        if not found:
            raise UsageError(f"{of[:40]!r}: there is no such board; evaluations may have been moved")
        return found[0]


def _can_stand(place: Place) -> bool:
    """Tell whether a place has a result; what a gateway kept has none."""
    return place.kind == "evaluation" and any((place.folder / name).is_file() for name in (ROWS, RECORD))


def add_boards(app: FastAPI, places: Places, writer: Writer, keys: Mapping[str, PublicKey] | None) -> None:
    """Add the pages of leaderboards.

    Args:
        app: where.
        places: what is looked at.
        writer: has the templates, those of boards among them.
        keys: of who has signed the records of hosted runs.
    """
    boards = _Boards(places, keys)

    def listed(request: Request) -> Response:
        now = boards.now()
        return answer(request, boards_page(writer, now.sheets, _NONE, refused=now.refused))

    app.add_api_route("/boards", listed, methods=["GET"])
    add_board_pages(app, writer, boards.find, up="boards")
