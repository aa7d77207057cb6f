"""What one caller may see of the boards of a server.

Anybody sees the runs of a board that its file calls public, of those that began when it did; a key sees the
runs of what it plays. Neither sees the run's id, its declared configuration or its single tasks, which stay
with the key that played it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..board.boards import Version, facts_of
from ..board.entry import Entry
from ..board.pairs import Difference, on_own_tasks, on_same_tasks
from ..board.sheet import OPEN, Sheet
from ..board.table import Table
from .hosting import Hosting
from .verify import task_value


def boards_for(hosting: Hosting | None, plays: Sequence[str]) -> list[str]:
    """Return the benchmarks whose boards a caller may see.

    Args:
        hosting: what the server hosts.
        plays: the benchmarks that the key of the caller plays; () without a key.
    """
    hosted = {} if hosting is None else hosting.benchmarks
    return [
        name
        for name, frozen in hosted.items()
        if frozen.benchmark.board == "public" or (frozen.benchmark.board == "keys" and name in plays)
    ]


def sheet_for(
    hosting: Hosting | None, plays: Sequence[str], owner: str, name: str, version: int | None = None
) -> Sheet | None:
    """Return the board of a benchmark as a caller may see it; None where there is none for it.

    Args:
        hosting: what the server hosts.
        plays: the benchmarks that the key of the caller plays.
        owner: the name of the key; "" without one.
        name: the benchmark.
        version: of it; None is the one that is hosted.
    """
    if hosting is None or name not in boards_for(hosting, plays):
        return None
    frozen = hosting.benchmarks[name]
    knows = name in plays
    known = hosting.book.boards.versions(name)
    wanted = frozen.benchmark.version if version is None else version
    found = known.get(wanted)
    if found is None and wanted != frozen.benchmark.version:
        return None
    facts = facts_of(frozen.told, frozen.benchmark.num_tasks) if found is None else found.facts
    paired = facts["draw"] == "fixed"

    def compare(first: Entry, second: Entry) -> Difference:
        one, two = (_values(hosting, name, wanted, entry) for entry in (first, second))
        if paired:
            return on_same_tasks(one, two)
        return on_own_tasks(list(one.values()), list(two.values()))

    return Sheet(
        of=name,
        title=name,
        facts=facts,
        table=_table(found, knows=knows),
        compare=compare,
        paired=paired,
        versions=sorted({*known, frozen.benchmark.version}, reverse=True),
        owners=frozen.benchmark.board_owners,
        mine=owner if knows else "",
        notes=[OPEN] if facts["split"] == "public" else [],
    )


def _table(found: Version | None, *, knows: bool) -> Table:
    if found is None:
        return Table()
    return found.keys if knows else found.public


def _values(hosting: Hosting, name: str, version: int, entry: Entry) -> dict[str, float | None]:
    log = hosting.book.log
    assert log is not None, "there are boards where records are signed"
    record: dict[str, Any] = log.record(hosting.book.boards.run_of(name, version, entry.id))
    benchmark = record["benchmark"]
    return {str(row["slot"]): task_value(row, benchmark) for row in record["measured"]["tasks"]}
