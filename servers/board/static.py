"""Boards as one file: a page that asks for nothing, or JSON, for whoever publishes them without a server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from ...errors import UsageError
from ..pages.writing import ASSETS
from .entry import Entry
from .heat import heat_map_of
from .pages import writer_of_boards
from .pairs import Difference
from .sheet import Sheet

MOST_COMPARED = 12
MOST_SHOWN = 1000


def page(
    title: str, sheets: Sequence[Sheet], refused: Mapping[str, str], problems: Sequence[str] = ()
) -> bytes:
    """Return boards as a page: the best runs of each, and every pair of the first dozen.

    Args:
        title: what it is called.
        sheets: the boards.
        refused: what is on none, and why.
        problems: what is wrong with all of it.
    """
    style = (ASSETS / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    boards = [
        {
            "sheet": sheet,
            "lines": sheet.table.page(0, MOST_SHOWN),
            "pairs": _pairs(sheet),
            "heat": heat_map_of(sheet),
        }
        for sheet in sheets
    ]
    values = {
        "title": title,
        "style": style,
        "digest": digest,
        "boards": boards,
        "refused": refused,
        "problems": problems,
        "most": MOST_SHOWN,
        "made": datetime.now(UTC).date().isoformat(),
    }
    return writer_of_boards().page("static.html", values)


def document(
    title: str, sheets: Sequence[Sheet], refused: Mapping[str, str], problems: Sequence[str] = ()
) -> bytes:
    """Return boards as JSON, with every run; the arguments are those of `page`."""
    boards = [
        {
            **sheet.document(0, len(sheet.table)),
            "pairs": [
                {"a": first.id, "b": second.id, **found.document()} for first, second, found in _pairs(sheet)
            ],
        }
        for sheet in sheets
    ]
    told: dict[str, Any] = {"title": title, "boards": boards, "refused": dict(refused)}
    return json.dumps({**told, "problems": list(problems)}, indent=2).encode() + b"\n"


def _pairs(sheet: Sheet) -> list[tuple[Entry, Entry, Difference]]:
    """Compare every pair of the first dozen that stand; one that shares no task is left out."""
    first = [line.entry for line in sheet.table.page(0, MOST_COMPARED) if not line.entry.withdrawn]
    found = []
    for one, two in combinations(first, 2):
        try:
            found.append((one, two, sheet.compare(one, two)))
        except UsageError:
            continue
    return found
