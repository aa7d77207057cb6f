"""The runs of one set of tasks in order, with ranks that say no more than the intervals do.

A rank is one more than the number of runs whose whole interval lies above that of this one, as Chatbot
Arena ranks models (Chiang et al. 2024, arXiv 2403.04132). Intervals that overlap prove no tie, and a test of
two runs finds more (Schenker and Gentleman 2001, Am. Statist. 55, 182-186): `pairs` has it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import NamedTuple

from .entry import Entry

RULE = (
    "A rank is one more than the number of runs whose whole 95 % interval lies above that of the run (as "
    "Chatbot Arena ranks, arXiv 2403.04132); runs whose intervals overlap are tied. This is cautious: a test "
    "of two runs tells more of them apart (Schenker and Gentleman 2001, The American Statistician 55, "
    "182-186), so compare the two."
)


class Line(NamedTuple):
    """A run where it stands; `rank` is None, and `ties` 0, where it is not ranked."""

    entry: Entry
    rank: int | None
    ties: int


class Table:
    """Runs of one set of tasks: the best first, then those without an interval, then those withdrawn.

    A run takes its place in steps that grow as the logarithm, a page of the table in steps of its length.
    """

    def __init__(self) -> None:
        self._ranked: list[Entry] = []
        self._unranked: list[Entry] = []
        self._withdrawn: list[Entry] = []
        self._lows: list[float] = []
        self._highs: list[float] = []
        self._known: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def num_withdrawn(self) -> int:
        """Return how many runs were withdrawn."""
        return len(self._withdrawn)

    def add(self, entry: Entry) -> None:
        """Add a run; one of the same id is replaced."""
        former = self._known.get(entry.id)
        if former is not None:
            self._remove(former)
        self._known[entry.id] = entry
        insort(self._list_of(entry), entry, key=_order)
        if self._list_of(entry) is self._ranked:
            low, high = _bounds(entry)
            insort(self._lows, low)
            insort(self._highs, high)

    def find(self, id: str) -> Entry | None:
        """Return the run of an id."""
        return self._known.get(id)

    def line(self, entry: Entry) -> Line:
        """Return where a run stands."""
        if self._list_of(entry) is not self._ranked:
            return Line(entry, None, 0)
        low, high = _bounds(entry)
        above = len(self._lows) - bisect_right(self._lows, high)
        below = bisect_left(self._highs, low)
        return Line(entry, above + 1, len(self._ranked) - 1 - above - below)

    def page(self, first: int = 0, count: int = 100) -> list[Line]:
        """Return so many runs from the `first`, which is 0 for the best."""
        found: list[Entry] = []
        for part in (self._ranked, self._unranked, self._withdrawn):
            found += part[max(0, first) : max(0, first + count)]
            first -= len(part)
        return [self.line(entry) for entry in found]

    def _list_of(self, entry: Entry) -> list[Entry]:
        if entry.withdrawn:
            return self._withdrawn
        has_interval = entry.score is not None and entry.score.low is not None
        return self._ranked if has_interval else self._unranked

    def _remove(self, entry: Entry) -> None:
        part = self._list_of(entry)
        del part[bisect_left(part, _order(entry), key=_order)]
        if part is self._ranked:
            low, high = _bounds(entry)
            del self._lows[bisect_left(self._lows, low)]
            del self._highs[bisect_left(self._highs, high)]


def _bounds(entry: Entry) -> tuple[float, float]:
    score = entry.score
    assert score is not None and score.low is not None and score.high is not None, "it is ranked"
    return score.low, score.high


def _order(entry: Entry) -> tuple[float, str, str]:
    return (0.0 if entry.score is None else -entry.score.value), entry.ended, entry.id
