"""What one agent reached on each task: read from the folder of an evaluation, or from a record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ...errors import UnknownName, UsageError
from ...servers.benchmarks.verify import read_document, task_value
from ..evaluation.results import EvalRow

Metric = Literal["success", "score", "return"]
METRICS: tuple[Metric, ...] = get_args(Metric)
_FIELD = {"success": "success", "score": "score", "return": "episode_return"}


@dataclass(frozen=True, slots=True)
class TaskResults:
    """One agent's results.

    Args:
        name: what to call it: the file or folder.
        agent: who played, as it was declared.
        of: what decides the tasks; only results of the same are compared.
        values: by task; None where it is unknown, or failed by the machine's fault.
        fresh: whether its tasks were drawn for it alone, so that equal names mean nothing.
    """

    name: str
    agent: str
    of: str
    values: Mapping[str, float | None]
    fresh: bool = False


def merged(name: str, parts: Sequence[TaskResults]) -> TaskResults:
    """Return the results of one agent on several environments as one.

    Args:
        name: what to call it.
        parts: one or more, in an order that does not depend on the agent.
    """
    if len(parts) == 1:
        return replace(parts[0], name=name)
    values = {
        f"{number} {task}": value for number, part in enumerate(parts) for task, value in part.values.items()
    }
    return TaskResults(name, parts[0].agent, json.dumps([part.of for part in parts]), values)


def read_results(place: Path, metric: Metric = "success", *, name: str = "") -> TaskResults:
    """Read the folder of an evaluation (rows.jsonl, settings.json), or the file of a record.

    The signature of a record is not checked here: `turnwise verify` does.

    Args:
        place: the folder or file.
        metric: what is read of each task.
        name: what to call it; the place by default.

    Raises:
        UnknownName: for another metric.
        UsageError: if there is nothing of the kind, or it is broken.
    """
    if metric not in METRICS:
        raise UnknownName("metric", metric, METRICS)
    if (place / "rows.jsonl").is_file():
        return _of_evaluation(place, metric, name or str(place))
    if (place / "record.json").is_file():
        place = place / "record.json"
    if not place.is_file():
        raise UsageError(
            f"{place}: expected the folder of an evaluation (`turnwise eval` with --out), or a record of a "
            "hosted run"
        )
    try:
        return _of_record(place, metric, name or str(place))
    except (LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{place}: is not a record: {type(error).__name__}: {error}") from error


def rows_of(folder: Path) -> Iterator[EvalRow]:
    """Yield the rows of an evaluation as they were written; a half-written last one is left out.

    Raises:
        UsageError: naming the line that is not a row.
    """
    file = folder / "rows.jsonl"
    content = file.read_bytes()
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            yield EvalRow.read(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{file}, line {number}: is not a row: {error!r}") from error


def _of_evaluation(folder: Path, metric: Metric, name: str) -> TaskResults:
    try:
        settings = json.loads((folder / "settings.json").read_bytes())
        env, kwargs, agent = settings["environment"], settings["kwargs"], settings["agent"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{folder / 'settings.json'}: cannot be read: {error!r}") from error
    values: dict[str, float | None] = {}
    fingerprints = set()
    for row in rows_of(folder):
        key, found = str(row.seed), getattr(row, _FIELD[metric])
        known = row.counts and found is not None
        if known or values.get(key) is None:
            values[key] = float(found) if known else None
        if row.counts:
            fingerprints.add(row.fingerprint)
    of = json.dumps([env, kwargs, sorted(fingerprints)], sort_keys=True)
    return TaskResults(name, str(agent), of, values)


def _of_record(file: Path, metric: Metric, name: str) -> TaskResults:
    record: dict[str, Any] = read_document(file.read_bytes(), str(file))
    record = record.get("record", record)
    benchmark = record["benchmark"]
    values = {str(task["slot"]): _told(task, benchmark, metric) for task in record["measured"]["tasks"]}
    fresh = benchmark["draw"] != "fixed"
    return TaskResults(name, str(record["declared"]["agent"]), str(benchmark["hash"]), values, fresh)


def _told(task: Mapping[str, Any], benchmark: Mapping[str, Any], metric: Metric) -> float | None:
    """Return what a record says of a task; one that was not finished is lost, as its score has it."""
    if metric == benchmark["metric"]:
        return task_value(task, benchmark)
    value = False if metric == "success" and not task["finished"] else task[metric]
    return None if value is None else float(value)
