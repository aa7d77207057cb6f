"""The list of stored trajectories: what was asked of it, its rows, the pages before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import urlencode

from ....agents.stored import ORDERS, Filter, Row, StoredTrajectories
from ....agents.stored.query import Outcome
from .shelf import Address

PER_PAGE = 50
_MOST_CHARS, _MOST_DIGITS = 200, 9
COLUMNS = (
    ("task", "task"),
    ("success", "won"),
    ("episode_return", "return"),
    ("turns", "turns"),
    ("end", "end"),
    ("cause", "cause"),
    ("malformed", "malformed"),
    ("tokens", "tokens"),
    ("update", "update"),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list.

    Attributes:
        asked: the form as it was filled in, by name; what cannot be right is left out.
        rows: with their addresses.
        total: how many the filter lets through.
        first: how many of them stand on pages before.
        causes: each cause with its number.
        ends: each end with its number.
        wrong: what could not be taken in.
    """

    at: str
    asked: dict[str, str]
    rows: list[tuple[Address, Row]]
    total: int
    first: int
    causes: dict[str, int]
    ends: dict[str, int]
    wrong: list[str]

    def link(self, **changes: object) -> str:
        """Return the address of this list with some of what is asked changed."""
        asked = {**self.asked, **{name: str(value) for name, value in changes.items()}}
        return "episodes?" + urlencode(
            {"at": self.at, **{name: text for name, text in asked.items() if text}}
        )

    def sorted_by(self, name: str) -> str:
        """Return the address that sorts by a column; the other way round where it is sorted by it already."""
        again = self.asked.get("order") == name and not self.asked.get("down")
        return self.link(order=name, down="1" if again else "", first="")


def listed(stored: StoredTrajectories, at: str, query: Mapping[str, str]) -> Listed:
    """Return the page of the list that is asked for."""
    asked = {name: text[:_MOST_CHARS] for name, text in query.items() if name != "at" and text.strip()}
    filter = Filter(
        outcome=_outcome(asked.get("outcome")),
        task=asked.get("task"),
        end=asked.get("end"),
        cause=asked.get("cause"),
        update=_whole(asked, "update"),
        least_turns=_whole(asked, "least"),
        most_turns=_whole(asked, "most"),
        text=asked.get("text", ""),
    )
    order = asked.get("order", "place")
    order = order if order in ORDERS else "place"
    first = _whole(asked, "first") or 0
    page = stored.rows(filter, order, descending=bool(asked.get("down")), first=first, limit=PER_PAGE)
    return Listed(
        at,
        asked,
        [(Address.of(row), row) for row in page.rows],
        page.total,
        first,
        _counted(stored, "cause"),
        _counted(stored, "end"),
        [f"{problem.file}: {problem.cause}" for problem in stored.problems],
    )


def _counted(stored: StoredTrajectories, name: str) -> dict[str, int]:
    return {str(value): num for value, num in list(stored.counts(name).items())[:40] if value}


def _outcome(given: str | None) -> Outcome | None:
    return next((name for name in get_args(Outcome) if name == given), None)


def _whole(asked: dict[str, str], name: str) -> int | None:
    """Return a whole number that was asked for; anything else is asked for no more."""
    text = asked.get(name, "").strip()
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    asked.pop(name, None)
    return None


def facts_of(row: Row) -> dict[str, Any]:
    """Return what the list says of a row, by column."""
    return {name: getattr(row, name) for name, _ in COLUMNS}
