"""Scores made again from a journal, and where they differ from the records: a score is a fold over it.

What a benchmark asks for is taken from the journal too, as it was frozen; the operator's secret is not
needed, since which task stood behind a number decides no score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .draws import Task
from .file import Benchmark, from_table
from .runs import Opening, Run
from .score import measured

_OF_RUN = ("score", "ci_low", "ci_high", "coverage", "finished", "turns", "seconds", "closed")
_OF_TASK = ("end", "finished", "success", "score", "return", "turns", "seconds")
_BROKEN = (LookupError, TypeError, ValueError, AttributeError)
Note = tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Flip:
    """One figure that the record says otherwise; `task` is None where it is of the whole run."""

    task: int | None
    what: str
    recorded: Any
    now: Any


@dataclass(slots=True)
class Regraded:
    """One run of a journal.

    Args:
        run: its id.
        benchmark: its name and version.
        agent: as it was declared.
        recorded: the score that its record says; None if that is unknown, or there is no record.
        now: the score that the journal gives; None if that is unknown.
        flips: figures that differ.
        problems: what else is wrong.
    """

    run: str
    benchmark: str = ""
    agent: str = ""
    recorded: float | None = None
    now: float | None = None
    flips: list[Flip] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Tell whether the record says what the journal gives."""
        return not (self.flips or self.problems)

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


def regrade(notes: Iterable[Note], records: Iterable[Mapping[str, Any]] = ()) -> list[Regraded]:
    """Make the score of every closed run again and compare it with its record.

    Args:
        notes: what the journal noted of runs, in order: run, kind, document.
        records: signed records from elsewhere, to be compared too, as a client was given them.
    """
    book = _Book(notes)
    closed = {id: run for id, run in book.runs.items() if run.closed}
    found = [_regraded(book, run, book.records.get(id)) for id, run in closed.items()]
    orphans = [id for id in book.records if id not in closed]
    found += [Regraded(id, problems=["there is a record of it, and it is not over"]) for id in orphans]
    found += [_given(book, place, envelope) for place, envelope in enumerate(records)]
    broken = [Regraded(id, problems=[cause]) for id, cause in book.broken.items()]
    return [*found, *broken]


class _Book:
    """What the notes say, run by run; a note that cannot be read is told and left out."""

    def __init__(self, notes: Iterable[Note]) -> None:
        self.runs: dict[str, Run] = {}
        self.records: dict[str, Mapping[str, Any]] = {}
        self.benchmarks: dict[tuple[str, int], Benchmark] = {}
        self.broken: dict[str, str] = {}
        for id, kind, document in notes:
            try:
                self._take(id, kind, document)
            except _BROKEN as error:
                self.broken.setdefault(id, f"a note {kind!r} cannot be read: {type(error).__name__}: {error}")

    def _take(self, id: str, kind: str, document: Mapping[str, Any]) -> None:
        if kind == "frozen":
            benchmark = from_table(document["benchmark"], "the journal")
            self.benchmarks[benchmark.name, benchmark.version] = benchmark
        elif kind == "opened":
            self.runs[id] = Run(id, Opening(**document))
        elif kind == "record":
            self.records[id] = document
        elif id in self.runs:
            self.runs[id].apply(kind, dict(document))


def _given(book: _Book, place: int, envelope: Mapping[str, Any]) -> Regraded:
    record = envelope.get("record")
    id = str(record.get("run")) if isinstance(record, Mapping) else ""
    run = book.runs.get(id)
    if run is None or not run.closed:
        which = f"record {place} that was given: run {id!r}"
        return Regraded(id, problems=[f"{which} is not one that the journal has closed"])
    return _regraded(book, run, envelope)


def _regraded(book: _Book, run: Run, envelope: Mapping[str, Any] | None) -> Regraded:
    opening = run.opening
    found = Regraded(run.id, f"{opening.benchmark} v{opening.version}", opening.agent)
    benchmark = book.benchmarks.get((opening.benchmark, opening.version))
    if benchmark is None:
        found.problems.append("the journal does not say what its benchmark asks for")
        return found
    tasks = [Task(0, number, 0) for number in range(benchmark.num_tasks)]
    now = measured(benchmark, tasks, run)
    found.now = now["score"]
    if envelope is None:
        found.problems.append("it is over, and the journal has no record of it")
        return found
    try:
        before = envelope["record"]["measured"]
        found.recorded = before["score"]
        found.flips += _flips(before, now)
    except _BROKEN as error:
        found.problems.append(f"its record is not in its form: {type(error).__name__}: {error}")
    return found


def _flips(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Flip]:
    flips = [
        Flip(None, name, before[name], now[name]) for name in _OF_RUN if not _equal(before[name], now[name])
    ]
    old = {int(task["task"]): task for task in before["tasks"]}
    for task in now["tasks"]:
        number = task["task"]
        told = old.pop(number, None)
        if told is None:
            flips.append(Flip(number, "task", None, "in the journal"))
            continue
        flips += [
            Flip(number, name, told[name], task[name])
            for name in _OF_TASK
            if not _equal(told[name], task[name])
        ]
    return flips + [Flip(number, "task", "in the record", None) for number in old]


def _equal(one: Any, two: Any) -> bool:
    if isinstance(one, float) or isinstance(two, float):
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, two))
        return numbers and math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-9)
    return type(one) is type(two) and bool(one == two)
