"""Boards made offline: of signed records, checked, and of evaluations, as whoever played tells them.

What is signed and what is told stand on boards of their own: who tells of a run could have played it often.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import Any

from ...errors import TurnwiseError, UsageError
from ...servers.benchmarks.signing import PublicKey
from ...servers.benchmarks.verify import (
    Checked,
    check_all,
    check_score,
    check_whole,
    read_document,
    task_value,
)
from ...servers.board.boards import facts_of
from ...servers.board.entry import Entry, Figure, entry_of, rate
from ...servers.board.pairs import Difference, on_own_tasks, on_same_tasks
from ...servers.board.sheet import OPEN, Sheet
from ...servers.board.table import Table
from ..policies.by_name import told_name
from .results import Metric, TaskResults, read_results, rows_of

MOST_PLACES = 100_000
_MAX_ROWS_BYTES = 256 << 20
_TOLD = "Self-reported: nobody but whoever played has seen these runs."
_NOT_WHOLE = "Whether a run was withdrawn after its file was given out is not known here: give --head."
_BROKEN = (TurnwiseError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError)
Values = Mapping[str, float | None]


@dataclass(slots=True)
class Standings:
    """What boards were made of.

    Args:
        sheets: the boards.
        refused: of each file or folder that is on none, why.
        problems: what is wrong with the log as a whole.
    """

    sheets: list[Sheet] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """The runs of one set of tasks, while they are gathered."""

    title: str
    facts: dict[str, Any]
    paired: bool
    notes: list[str]
    values: dict[str, Values] = field(default_factory=dict)
    table: Table = field(default_factory=Table)

    def add(self, entry: Entry, values: Values) -> None:
        self.values[entry.id] = values
        self.table.add(entry)

    def sheet(self, word: str, *, owners: bool, shows_tasks: bool) -> Sheet:
        def compare(first: Entry, second: Entry) -> Difference:
            one, two = self.values[first.id], self.values[second.id]
            if self.paired:
                return on_same_tasks(one, two)
            return on_own_tasks(list(one.values()), list(two.values()))

        return Sheet(
            of=word,
            title=self.title,
            facts=self.facts,
            table=self.table,
            compare=compare,
            paired=self.paired,
            owners=owners,
            notes=self.notes,
            tasks=(lambda entry: self.values[entry.id]) if shows_tasks else None,
        )


def standings(
    places: Sequence[Path],
    keys: Mapping[str, PublicKey] | None = None,
    *,
    head: Mapping[str, Any] | None = None,
    owners: bool = False,
    names: Mapping[Path, str] | None = None,
) -> Standings:
    """Make boards of records and of folders of evaluations; what cannot be on one is told, with the reason.

    Args:
        places: files of records, folders that hold a record.json, folders of evaluations.
        keys: the public keys of operators; without them no signed record is on a board.
        head: a head of the log, to see that all of it is here.
        owners: name the keys that played.
        names: what to call a file or folder; as it is given by default.

    Raises:
        UsageError: if there are too many.
    """
    if len(places) > MOST_PLACES:
        raise UsageError(f"{len(places)} files and folders; expected at most {MOST_PLACES}")
    found, groups = Standings(), dict[str, _Group]()
    envelopes: dict[str, dict[str, Any]] = {}
    for place in places:
        name = (names or {}).get(place, str(place))
        file = place / "record.json" if (place / "record.json").is_file() else place
        try:
            if (place / "rows.jsonl").is_file():
                _add_evaluation(groups, place, name)
            elif file.is_file():
                envelopes[name] = read_document(file.read_bytes(), str(file))
            else:
                raise UsageError("is neither a record nor the folder of an evaluation")
        except _BROKEN as error:
            found.refused[name] = str(error)
    _add_records(groups, envelopes, keys, found, whole=head is not None)
    if head is not None:
        found.problems = check_whole(envelopes.values(), head, keys or {})
    for word, group in groups.items():
        told = _TOLD in group.notes
        found.sheets.append(group.sheet(word, owners=owners and not told, shows_tasks=told))
    return found


def _add_records(
    groups: dict[str, _Group],
    envelopes: Mapping[str, dict[str, Any]],
    keys: Mapping[str, PublicKey] | None,
    found: Standings,
    *,
    whole: bool,
) -> None:
    signed = {name: one for name, one in envelopes.items() if "signature" in one}
    checked = dict(zip(signed, check_all(signed.values(), keys or {}), strict=True))
    for name, envelope in envelopes.items():
        try:
            one = checked.get(name)
            told = one is None
            one = one or Checked(envelope["record"], tuple(check_score(envelope["record"])))
            if not told and keys is None:
                found.refused[name] = (
                    "is signed, and no keys were given to check it: `turnwise board` and `turnwise view` "
                    "take the operator's public ones (--keys FILE)"
                )
            elif one.problems:
                found.refused[name] = "; ".join(one.problems)
            else:
                _add_record(groups, one, name, told=told, whole=whole)
        except _BROKEN as error:
            found.refused[name] = f"is not in the form of a record: {type(error).__name__}: {error}"


def _add_record(groups: dict[str, _Group], one: Checked, name: str, *, told: bool, whole: bool) -> None:
    record, benchmark = one.record, one.record["benchmark"]
    word = _word("told" if told else "signed", benchmark["name"], benchmark["version"], benchmark["hash"])
    rows = record["measured"]["tasks"]
    notes = [_TOLD] if told else [] if whole else [_NOT_WHOLE]
    notes += [OPEN] if benchmark["split"] == "public" else []
    title = f"{benchmark['name']} v{benchmark['version']}"
    made = _Group(title, facts_of(benchmark, len(rows)), benchmark["draw"] == "fixed", notes)
    group = groups.get(word, made)
    entry = entry_of(record, name, owner_shown=True, withdrawn=one.withdrawn)
    entry = replace(entry, source="self-reported") if told else entry
    group.add(entry, {str(row["slot"]): task_value(row, benchmark) for row in rows})
    groups[word] = group


def _add_evaluation(groups: dict[str, _Group], folder: Path, name: str) -> None:
    size = (folder / "rows.jsonl").stat().st_size
    if size > _MAX_ROWS_BYTES:
        raise UsageError(f"rows.jsonl has {size} bytes; expected at most {_MAX_ROWS_BYTES}")
    metric: Metric = "success"
    results = read_results(folder, metric)
    if not any(value is not None for value in results.values.values()):
        metric = "return"
        results = read_results(folder, metric)
    if any(value is not None and not math.isfinite(value) for value in results.values.values()):
        raise UsageError("a result is not a finite number")
    env = json.loads(results.of)[0]
    word = _word("evaluation", results.of, metric)
    facts = {"environment": env, "metric": metric, "tasks": len(results.values), "draw": "fixed"}
    group = groups.get(word, _Group(str(env), facts, True, [_TOLD]))
    group.facts["tasks"] = max(group.facts["tasks"], len(results.values))
    group.add(_entry_of_evaluation(folder, results, metric, name), results.values)
    groups[word] = group


def _entry_of_evaluation(folder: Path, results: TaskResults, metric: Metric, name: str) -> Entry:
    rows = {row.seed: row for row in rows_of(folder) if row.counts}
    known = [value for value in results.values.values() if value is not None]
    won = [row.success for row in rows.values() if row.success is not None]
    cost = sum(row.cost for row in rows.values())
    written = datetime.fromtimestamp((folder / "rows.jsonl").stat().st_mtime, UTC)
    success = rate(sum(won), len(won)) if won else None
    return Entry(
        id=name,
        agent=told_name(results.agent)[:200],
        source="self-reported",
        score=success if metric == "success" else _mean(known),
        success=success,
        tasks=len(results.values),
        finished=len(rows),
        turns=sum(row.turns for row in rows.values()),
        seconds=sum(row.seconds for row in rows.values()),
        cost=cost or None,
        cost_by="measured" if cost else "",
        ended=written.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _mean(values: Sequence[float]) -> Figure | None:
    """Return a mean with the interval of the normal law; None where there is nothing."""
    if not values:
        return None
    if len(values) < 2:
        return Figure(values[0], None, None)
    mean, half = fmean(values), NormalDist().inv_cdf(0.975) * stdev(values) / len(values) ** 0.5
    return Figure(mean, mean - half, mean + half)


def _word(*parts: object) -> str:
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=6).hexdigest()
