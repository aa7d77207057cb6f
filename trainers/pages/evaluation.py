"""An evaluation as it is looked at: its settings, its rows as they come, its figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...agents.stored import StoredTrajectories
from ...ends import FAULTS
from ...intervals import wilson
from ..runs.series import number
from .lines import document_of, lines_of
from .places import RECORD, Place

MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """One evaluation; figures are made of its rows, so that they are there while it goes on.

    Attributes:
        place: where it is.
        settings: what its rows depend on.
        rows: one a task, the last of each seed.
        finished: whether it has come to its end.
        wrong: what could not be read, with the reason.
        signed: whether it was hosted, and its rows are those of a server's record.
        counted: whether its rows are counted from its trajectories, since nothing else tells: of a gateway,
            or of a hosted run that has no record yet.
        left_out: how many more such rows there are.
    """

    place: Place
    settings: dict[str, Any]
    rows: list[dict[str, Any]]
    finished: bool
    wrong: list[str] = field(default_factory=list)
    signed: bool = False
    counted: bool = False
    left_out: int = 0

    @property
    def state(self) -> str:
        """Say whether it has come to its end, where there is one to come to."""
        return "done" if self.finished else "episodes that ended" if self.counted else "not finished"

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self.place.name

    @property
    def agent(self) -> str:
        """Return who was evaluated."""
        return str(self.settings.get("agent", ""))

    @property
    def environment(self) -> str:
        """Return on what."""
        return str(self.settings.get("environment", ""))

    @property
    def counting(self) -> list[dict[str, Any]]:
        """Return the rows that did not fail by the machine's fault; all where a server has judged."""
        if self.signed:
            return self.rows
        return [row for row in self.rows if row.get("end") not in FAULTS]

    @property
    def success(self) -> tuple[float, float, float] | None:
        """Return the success rate with its 95 % interval; None where nothing says what was won."""
        won = self._told
        return (sum(won) / len(won), *wilson(sum(won), len(won))) if won else None

    @property
    def telling(self) -> int:
        """Return of how many rows it is known whether they were won."""
        return len(self._told)

    @property
    def _told(self) -> list[bool]:
        return [row["success"] for row in self.counting if isinstance(row.get("success"), bool)]

    @property
    def ends(self) -> dict[str, int]:
        """Return how many episodes ended how."""
        return dict(Counter(str(row.get("end", "?"))[:40] for row in self.rows).most_common(8))

    def mean(self, name: str) -> float | None:
        """Return the mean of a figure over the rows that count and have it."""
        values = [value for row in self.counting if (value := number(row.get(name))) is not None]
        return sum(values) / len(values) if values else None


def read_evaluation(place: Place) -> Seen:
    """Read an evaluation; what is broken is told in `wrong`, and the rest is there.

    A hosted run has neither settings nor rows: once it is over, its record says both.
    """
    if (place.folder / RECORD).is_file():
        return _of_record(place)
    settings, wrong_settings = document_of(place.folder / "settings.json")
    result, wrong_result = document_of(place.folder / "evaluation.json")
    lines = lines_of(place.folder / "rows.jsonl")
    given = lines.rows or [row for row in _rows(result) if isinstance(row, dict)]
    by_task = {json.dumps([row.get("seed"), row.get("task")], default=str): row for row in given}
    wrong = [
        *(lines.wrong if lines.rows or not result else ()),
        *filter(None, (wrong_settings, wrong_result)),
    ]
    kept = settings or _table(result.get("settings"))
    return Seen(place, kept, list(by_task.values()), bool(result), wrong)


def counted(seen: Seen, stored: StoredTrajectories) -> Seen:
    """Return an evaluation without rows of its own with those of its trajectories."""
    page = stored.rows(limit=MOST_ROWS)
    rows = [{**asdict(row), "return": row.episode_return} for row in page.rows]
    return replace(seen, rows=rows, counted=True, left_out=page.total - len(rows))


def _of_record(place: Place) -> Seen:
    record, wrong = document_of(place.folder / RECORD)
    said = _table(record.get("record", record))
    declared, benchmark, measured = (_table(said.get(key)) for key in ("declared", "benchmark", "measured"))
    tasks = measured.get("tasks")
    rows = [
        {
            **task,
            "task": task.get("environment"),
            "seed": task.get("task"),
            "success": task.get("success") if task.get("finished", True) else False,  # given up is lost
        }
        for task in (tasks if isinstance(tasks, list) else [])
        if isinstance(task, dict)
    ]
    settings = {"agent": declared.get("agent", ""), "environment": f"benchmark {benchmark.get('name', '')}"}
    withdrawn = _table(_table(record.get("withdrawal")).get("withdrawal"))
    told = [f"withdrawn by the operator: {withdrawn.get('reason', 'no reason')}"] if withdrawn else []
    return Seen(place, settings, rows, bool(rows), [*filter(None, [wrong]), *told], signed=bool(rows))


def _rows(result: Mapping[str, Any]) -> list[Any]:
    rows = result.get("per_task")
    return rows if isinstance(rows, list) else []


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
