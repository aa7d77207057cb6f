"""One run as a line of a board: what was measured, what was declared, and who stands behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ...intervals import wilson

Source = Literal["verified", "self-reported"]
_MOST_NAME = 200


class Figure(NamedTuple):
    """A figure with its 95 % interval; `low` and `high` are None where nothing is known of it."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One run.

    Args:
        id: what it is called in its table: of a hosted run its place in the log, else the file or folder.
        agent: who played, as declared.
        source: of a signed record, or told by whoever played.
        score: what the tasks are judged by; None where a task does not say.
        success: the share of all tasks that were won; None where it is unknown.
        tasks: how many there are; `finished` of them were played to their end.
        turns: of all tasks.
        seconds: from the start of the run to its end.
        cost: US dollars; None where nobody says.
        cost_by: whether the cost was declared, or measured by whoever played.
        ended: when, as ISO 8601.
        attempt: which of the key, from 1; 0 where attempts are not counted.
        owner: the name of the key.
        owner_shown: whether the board may name it.
        withdrawn: why the operator has withdrawn it; "" if it stands.
    """

    id: str
    agent: str
    source: Source
    score: Figure | None
    success: Figure | None
    tasks: int
    finished: int
    turns: int
    seconds: float
    cost: float | None
    cost_by: Literal["", "declared", "measured"]
    ended: str
    attempt: int = 0
    owner: str = ""
    owner_shown: bool = False
    withdrawn: str = ""

    def document(self, *, owners: bool = False, mine: str = "") -> dict[str, Any]:
        """Return it as JSON holds it, what was measured apart from what was declared.

        Args:
            owners: whether keys are named, where the run may be shown with one.
            mine: the name of the key that looks, to mark its own runs.
        """
        cost = {"cost": self.cost} if self.cost_by == "measured" else {}
        declared = {"agent": self.agent, "cost": self.cost if self.cost_by == "declared" else None}
        return {
            "id": self.id,
            "source": self.source,
            "measured": {
                "score": _told(self.score),
                "success": _told(self.success),
                "tasks": self.tasks,
                "finished": self.finished,
                "turns": self.turns,
                "seconds": self.seconds,
                **cost,
            },
            "declared": declared,
            "ended": self.ended,
            "attempt": self.attempt or None,
            "owner": self.owner if owners and self.owner_shown else None,
            "mine": bool(mine) and self.owner == mine,
            "withdrawn": self.withdrawn or None,
        }


def entry_of(record: Mapping[str, Any], id: str, *, owner_shown: bool = False, withdrawn: str = "") -> Entry:
    """Return the line of a record that was checked.

    Raises:
        LookupError: if it is not in the form of a record; also TypeError and ValueError.
    """
    measured, declared = record["measured"], record["declared"]
    rows = measured["tasks"]
    cost = _cost(declared)
    return Entry(
        id=id,
        agent=str(declared["agent"])[:_MOST_NAME],
        source="verified",
        score=_figure(measured),
        success=_success(rows),
        tasks=len(rows),
        finished=int(measured["finished"]),
        turns=int(measured["turns"]),
        seconds=_finite(measured["seconds"]),
        cost=cost,
        cost_by="" if cost is None else "declared",
        ended=str(record["ended"])[:40],
        attempt=int(record["attempt"]),
        owner=str(record["key"])[:_MOST_NAME],
        owner_shown=owner_shown,
        withdrawn=withdrawn,
    )


def rate(won: int, tasks: int) -> Figure:
    """Return a share of successes with Wilson's interval."""
    return Figure(won / tasks, *wilson(won, tasks))


def _figure(measured: Mapping[str, Any]) -> Figure | None:
    if measured["score"] is None:
        return None
    value, low, high = (measured[name] for name in ("score", "ci_low", "ci_high"))
    if low is None or high is None:
        return Figure(_finite(value), None, None)
    return Figure(_finite(value), _finite(low), _finite(high))


def _success(rows: list[Mapping[str, Any]]) -> Figure | None:
    """Return the share of tasks that were won; what was not finished was not won."""
    won = [row["success"] if row["finished"] else False for row in rows]
    return None if not won or None in won else rate(sum(map(bool, won)), len(won))


def _cost(declared: Mapping[str, Any]) -> float | None:
    """Return the `cost` that was declared to be spent, in US dollars; nothing else of it is read."""
    spent = declared.get("spent")
    given = spent.get("cost") if isinstance(spent, dict) else None
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return float(given) if math.isfinite(given) and 0 <= given < 1e12 else None


def _finite(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError(f"a figure is {value}; expected a finite number")
    return float(value)


def _told(figure: Figure | None) -> dict[str, float | None] | None:
    return None if figure is None else figure._asdict()
