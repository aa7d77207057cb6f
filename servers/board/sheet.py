"""One table as JSON and pages show it, a page of it at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .entry import Entry
from .pairs import LEVEL, Difference
from .table import RULE, Table

MOST_LINES = 500
LINES = 100
FRESH = (
    "Every run draws tasks of its own, so that two runs are compared as two samples, unpaired: Fisher's "
    "exact test for successes, a permutation test of the means for other scores."
)
FIXED = (
    "All runs play the same tasks, so that two runs are compared task by task: the exact sign test, for "
    "successes McNemar's."
)
SECONDS = (
    "Seconds are those of a hosted run from its start to its end; of an evaluation, those of all its "
    "episodes together, many of which go on at once."
)
OPEN = "The split is public: anybody can make its tasks, with their answers."


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table, with what it is of.

    Args:
        of: the word by which addresses name it.
        title: what people call it.
        facts: what decides its tasks and scores.
        table: the runs.
        compare: compares two of them.
        paired: whether all have the same tasks.
        versions: of the benchmark, the newest first; () where it has none.
        owners: whether keys are named.
        mine: the name of the key that looks.
        notes: what else is to be said.
        tasks: gives what became of each task of a run, by its name, where that may be shown.
    """

    of: str
    title: str
    facts: Mapping[str, Any]
    table: Table
    compare: Callable[[Entry, Entry], Difference]
    paired: bool
    versions: Sequence[int] = ()
    owners: bool = False
    mine: str = ""
    notes: Sequence[str] = ()
    tasks: Callable[[Entry], Mapping[str, float | None]] | None = None

    @property
    def rules(self) -> list[str]:
        """Say how runs are ranked and compared, and what their seconds are."""
        return [RULE, FIXED if self.paired else FRESH, SECONDS]

    def document(self, first: int = 0, count: int = LINES) -> dict[str, Any]:
        """Return a page of it as JSON holds it; `next` is where the following page begins, or None."""
        lines = self.table.page(first, count)
        after = first + len(lines)
        return {
            "board": self.of,
            "benchmark": dict(self.facts),
            "versions": list(self.versions),
            "rules": self.rules,
            "notes": list(self.notes),
            "total": len(self.table),
            "withdrawn": self.table.num_withdrawn,
            "first": first,
            "next": after if lines and after < len(self.table) else None,
            "runs": [
                {
                    "rank": line.rank,
                    "ties": line.ties,
                    **line.entry.document(owners=self.owners, mine=self.mine),
                }
                for line in lines
            ],
        }

    def pair(self, first: Entry, second: Entry) -> dict[str, Any]:
        """Return two runs and how they compare as JSON holds it."""
        shown = [each.document(owners=self.owners, mine=self.mine) for each in (first, second)]
        return {
            "board": self.of,
            "first": shown[0],
            "second": shown[1],
            "level": LEVEL,
            **self.compare(first, second).document(),
        }
