"""A run or an evaluation as it is compared: what it reached, on which tasks, and what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...agents.comparison.results import Metric, TaskResults, merged, read_results, rows_of
from ...agents.evaluation.results import Evaluation
from ...errors import UsageError
from ...servers.benchmarks.verify import read_document
from ...servers.board.entry import entry_of
from ..reports.curves import split_log
from ..reports.report import after_training
from ..runs.alike import SEED, recipe_tables
from ..runs.folder import is_run
from ..runs.held_out_kept import kept_of
from ..runs.log import read_log
from ..runs.series import number, numbered

Kind = Literal["run", "evaluation"]
Figures = dict[str, float | None]
LOGGED: dict[Metric, str] = {
    "success": "eval/success_rate",
    "score": "eval/score",
    "return": "eval/reward",
}
"""How the log of a run calls a metric of its evaluations."""
_OF_EVALUATION: dict[Metric, str] = {"success": "success_rate", "score": "score", "return": "mean_return"}


@dataclass(frozen=True, slots=True)
class Member:
    """One run, or one evaluation; a record of a hosted run counts as an evaluation.

    Args:
        place: its folder or file.
        kind: which of both it is.
        figures: by name: before, after, turns, tokens, updates, seconds and so on; None is unknown.
        results: of each task: of an evaluation all, of a run those of its last one.
        why: of what is not known, the reason.
        tables: the recipe of a run; {} of an evaluation.
        updates: the lines of its log that are updates; `evals` those that are evaluations.
    """

    place: Path
    kind: Kind
    figures: Figures
    results: TaskResults | None = None
    why: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    updates: Sequence[Mapping[str, Any]] = ()
    evals: Sequence[Mapping[str, Any]] = ()

    @property
    def name(self) -> str:
        """Return what it is called: the name of its folder or file."""
        return self.place.name or self.place.resolve().name

    @property
    def seed(self) -> int | None:
        """Return the seed of a run; None of what has none."""
        section, _, key = SEED.partition(".")
        found = self.tables.get(section)
        seed = found.get(key) if isinstance(found, Mapping) else None
        return seed if isinstance(seed, int) else None


def is_member(place: Path) -> bool:
    """Tell whether a folder or file is one that can be compared."""
    return is_run(place) or any((place / name).is_file() for name in ("rows.jsonl", "record.json"))


def read_member(place: Path, metric: Metric) -> Member:
    """Read a run, an evaluation, or a record.

    Raises:
        UsageError: if it is neither, is broken, or has nothing to compare yet.
    """
    if is_run(place):
        return _run(place, metric)
    results = read_results(place, metric)
    if (place / "rows.jsonl").is_file():
        return _evaluation(place, results, metric)
    return _record(place, results)


def _record(place: Path, results: TaskResults) -> Member:
    """Read what a record tells beside its results; its signature is not checked."""
    file = place / "record.json" if place.is_dir() else place
    known = [value for value in results.values.values() if value is not None]
    figures: Figures = {"after": sum(known) / len(known) if known else None}
    why = {"tokens": "none were declared", "dollars": "nothing was declared"}
    document = read_document(file.read_bytes(), str(file))
    try:
        record = document.get("record", document)
        entry = entry_of(record, str(file))
        said = number((record["declared"].get("spent") or {}).get("completion_tokens"))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"it is not in the form of a record: {error!r}"
        return Member(place, "evaluation", figures, results, {**why, "turns": reason, "seconds": reason})
    figures["turns"] = entry.turns / entry.tasks if entry.tasks else None
    figures["tokens"] = said / entry.tasks if said is not None and entry.tasks else None
    figures |= {"seconds": entry.seconds, "dollars": entry.cost}
    return Member(place, "evaluation", {k: number(v) for k, v in figures.items()}, results, why)


def _evaluation(folder: Path, results: TaskResults, metric: Metric) -> Member:
    rows = {row.seed: row for row in rows_of(folder) if row.counts}
    if not rows:
        raise UsageError(f"{folder}: no episode of it counts yet")
    found = Evaluation.of(list(rows.values()), {}, {})
    figures = {
        "after": getattr(found, _OF_EVALUATION[metric]),
        "turns": found.turns,
        "tokens": found.tokens,
        "seconds": sum(row.seconds for row in rows.values()),
        "dollars": found.cost or None,
    }
    figures = {name: number(value) for name, value in figures.items()}
    return Member(folder, "evaluation", figures, results, {"dollars": "nothing was billed"})


def _run(folder: Path, metric: Metric) -> Member:
    try:
        tables = recipe_tables(folder)
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / 'recipe.toml'}: {error}") from error
    updates, evals = map(numbered, split_log(read_log(folder)))
    name, last = LOGGED[metric], updates[-1] if updates else {}
    begun = [entry for entry in evals if entry["update"] == 0]
    results, missing = _last_tasks(folder, evals, metric)
    figures = {
        "before": number(begun[-1].get(name)) if begun else None,
        "after": after_training([{**entry, name: number(entry.get(name))} for entry in evals], name)[0],
        "turns": number(evals[-1].get("eval/turns")) if evals else None,
        "tokens": number(evals[-1].get("eval/tokens")) if evals else None,
        "updates": float(len(updates)),
        "training_turns": _sum([number(entry.get("rollout/turns")) for entry in updates]),
        "training_tokens": number(last.get("total_tokens")),
        "seconds": number(last.get("train_seconds")),
    }
    why = {"tasks": missing, "dollars": "no price of a run is known"}
    return Member(folder, "run", figures, results, why, tables, updates, evals)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _last_tasks(
    folder: Path, evals: Sequence[Mapping[str, Any]], metric: Metric
) -> tuple[TaskResults | None, str]:
    """Return the results of a run's last evaluation by task, or the reason why they are not there."""
    if not evals:
        return None, "nothing was evaluated"
    last = evals[-1]["update"]
    found = [place for place, update in kept_of(folder) if update == last]
    if not found:
        return None, f"the tasks of the evaluation after update {last} were not kept (log.held_out)"
    try:
        return merged(str(folder), [read_results(place, metric) for place in found]), ""
    except UsageError as error:
        return None, str(error)
