"""Rows of an index: chosen by a filter, sorted, one page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...errors import UnknownName, UsageError
from .database import Database
from .row import NAMES, Row

MAX_PAGE = 1000
_MAX_WORDS = 16
Outcome = Literal["won", "lost", "unknown"]
_OUTCOMES = {"won": "success = 1", "lost": "success = 0", "unknown": "success IS NULL"}
ORDERS = {
    "place": 'file {0}, "offset" {0}, line {0}',
    **{name: f'"{name}" {{0}}, id' for name in NAMES if name not in ("file", "offset", "line")},
}
"""Names by which rows can be sorted: the place in the files, or a field of a row."""
COUNTED = ("env", "task", "end", "cause", "update", "success")


@dataclass(frozen=True, slots=True)
class Filter:
    """What rows must be; None and "" ask for nothing.

    Args:
        outcome: won, lost, or unknown.
        text: words that all stand in the text of a trajectory, the last one perhaps only begun.
        least_turns: the shortest.
        most_turns: the longest.
    """

    outcome: Outcome | None = None
    env: str | None = None
    task: str | None = None
    seed: int | None = None
    end: str | None = None
    cause: str | None = None
    update: int | None = None
    least_turns: int | None = None
    most_turns: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of those that a filter lets through, and how many these are in all."""

    rows: tuple[Row, ...]
    total: int


EVERYTHING = Filter()


def rows(
    database: Database,
    filter: Filter = EVERYTHING,
    order: str = "place",
    *,
    descending: bool = False,
    first: int = 0,
    limit: int = 100,
) -> Page:
    """Return a page of rows.

    Args:
        database: the index.
        filter: what they must be.
        order: one of ORDERS.
        descending: the largest first.
        first: how many to pass over.
        limit: how many at most; up to MAX_PAGE.

    Raises:
        UnknownName: for another order or outcome.
        UsageError: for a page out of range.
    """
    if order not in ORDERS:
        raise UnknownName("order of trajectories", order, ORDERS)
    if not (0 <= first < 2**63 and 0 <= limit <= MAX_PAGE):
        raise UsageError(
            f"rows from {first}, {limit} of them; expected 0 or more, at most {MAX_PAGE} at once"
        )
    condition, values = _condition(database, filter, in_order=True)
    sorted_by = ORDERS[order].format("DESC" if descending else "ASC")
    names = ", ".join(f'"{name}"' for name in NAMES)
    found = database.ask(
        f"SELECT {names} FROM rows WHERE {condition} ORDER BY {sorted_by} LIMIT ? OFFSET ?",
        (*values, limit, first),
    )
    return Page(tuple(_row(row) for row in found), _total(database, filter))


def _total(database: Database, filter: Filter) -> int:
    if filter == Filter(text=filter.text) and filter.text.split():  # the words alone: no row is looked at
        searched, values = _searched(_words(filter), words_known=database.searches_words)
        found = database.ask(f"SELECT count(*) FROM texts WHERE {searched}", values)
    else:
        condition, given = _condition(database, filter)
        found = database.ask(f"SELECT count(*) FROM rows WHERE {condition}", given)
    return int(str(found[0][0]))


def counts(database: Database, name: str, filter: Filter = EVERYTHING) -> dict[object, int]:
    """Return how many rows have each value of a field, the most frequent first, at most MAX_PAGE values.

    Raises:
        UnknownName: for a field that is not one of COUNTED.
    """
    if name not in COUNTED:
        raise UnknownName("field to count by", name, COUNTED)
    condition, values = _condition(database, filter)
    found = database.ask(
        f'SELECT "{name}", count(*) AS number FROM rows WHERE {condition} GROUP BY 1 '
        f"ORDER BY number DESC, 1 LIMIT {MAX_PAGE}",
        values,
    )
    return {
        bool(value) if name == "success" and value is not None else value: int(str(number))
        for value, number in found
    }


def _condition(database: Database, filter: Filter, *, in_order: bool = False) -> tuple[str, list[object]]:
    """Return a condition with its values.

    Args:
        database: the index.
        filter: what rows must be.
        in_order: a page of them is wanted in an order, which then leads and not the words (a + keeps
            SQLite from looking up every row that has them: https://www.sqlite.org/optoverview.html).
    """
    parts, values = ["1"], list[object]()
    if filter.outcome is not None:
        if filter.outcome not in _OUTCOMES:
            raise UnknownName("outcome", filter.outcome, _OUTCOMES)
        parts.append(_OUTCOMES[filter.outcome])
    for name in ("env", "task", "seed", "end", "cause", "update"):
        value = getattr(filter, name)
        if value is not None:
            parts.append(f'"{name}" = ?')
            values.append(_bound(value))
    for bound, sign in ((filter.least_turns, ">="), (filter.most_turns, "<=")):
        if bound is not None:
            parts.append(f"turns {sign} ?")
            values.append(_bound(bound))
    if words := _words(filter):
        searched, given = _searched(words, words_known=database.searches_words)
        parts.append(f"{'+' if in_order else ''}id IN (SELECT rowid FROM texts WHERE {searched})")
        values += given
    return " AND ".join(parts), values


def _words(filter: Filter) -> list[str]:
    return str(_bound(filter.text)).split()[:_MAX_WORDS]


def _bound(value: str | int) -> str | int:
    """Return a value that can be compared with what is stored."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", " ")
    return max(-(2**63), min(2**63 - 1, value))


def _searched(words: list[str], *, words_known: bool) -> tuple[str, list[str]]:
    if not words_known:
        return " AND ".join(["instr(lower(content), ?) > 0"] * len(words)), [word.lower() for word in words]
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    return "texts MATCH ?", [" ".join(quoted) + " *"]


def _row(values: tuple[object, ...]) -> Row:
    named = dict(zip(NAMES, values, strict=True))
    success = named.pop("success")
    return Row(**named, success=None if success is None else bool(success))  # type: ignore[arg-type]
