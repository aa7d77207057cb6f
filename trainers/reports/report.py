"""The page about a run: what was trained, what it reached, how the agent plays."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...files import write_whole
from ...shown import UNKNOWN, interval, percent, runnable, visible
from ..runs.alike import recipe_tables
from ..runs.best import best_of
from ..runs.folder import read_record
from ..runs.log import read_log
from .curves import draw_run, split_log
from .lost import lost_by
from .resumed import resumed
from .throughput import throughput
from .transcripts import examples

Entry = dict[str, Any]
_LAST = 3  # evaluations whose mean is the result: never the best point
_NOTHING = 1e-12
_POINTS = (("before training", "before"), ("after training", "last"))


def summarise(run: Path) -> dict[str, Any]:
    """Return the figures of a run: before, after, best practice of the protocol, totals.

    `before` is the evaluation before training, `last` the last one after some. `after`
    is the mean of the last three after training, `after_return` that of their returns,
    `after_evaluations` how many those are.
    `chosen` is the one that the best checkpoint was chosen by.
    `area` is the mean success over the whole run, weighted by training time. A rate is
    None where success is unknown.

    Raises:
        UsageError: if the folder holds no run.
    """
    updates, evals = split_log(read_log(run))
    evals = [entry for entry in evals if "eval/success_rate" in entry]
    figures: dict[str, Any] = {"run": run.name, "num_updates": len(updates), "num_evaluations": len(evals)}
    if updates:
        figures["train_seconds"] = updates[-1]["train_seconds"]
        figures["num_tokens"] = updates[-1].get("total_tokens")
    before = [entry for entry in evals if entry["update"] == 0]
    trained = [entry for entry in evals if entry["update"] > 0]
    if before:
        figures["before"] = _point(before[-1])
    if trained:
        figures["last"] = _point(trained[-1])
        figures["after"], figures["after_evaluations"] = after_training(evals, "eval/success_rate")
        figures["after_return"], _ = after_training(evals, "eval/reward")
        figures["area"] = _area(evals)
    if evals:
        chosen = best_of(run)
        figures["best"] = asdict(chosen) if chosen else None
        if chosen and (there := [entry for entry in evals if entry["update"] == chosen.update]):
            figures["chosen"] = _point(there[-1])
    return figures


def after_training(evals: Sequence[Entry], name: str) -> tuple[float | None, int]:
    """Return the mean of a figure over the last evaluations after training, and how many those are.

    Args:
        evals: the evaluations of a run, in order.
        name: of the figure in the log; None where one of them does not have it.
    """
    averaged = [entry for entry in evals if entry["update"] > 0][-_LAST:]
    return _mean([entry.get(name) for entry in averaged]), len(averaged)


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean; None where a value is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _point(entry: Entry) -> dict[str, Any]:
    """Return what one evaluation found; logs of before say nothing of coverage."""
    names = ("success_rate", "ci_low", "ci_high", "coverage", "reward")
    return {name: entry.get(f"eval/{name}") for name in names}


def write_report(run: Path) -> Path:
    """Write RUN/report.md and RUN/curves.png.

    Returns:
        the path of the page.

    Raises:
        UsageError: if the folder holds no run.
    """
    entries = read_log(run)
    figures = summarise(run)
    record = read_record(run)
    environment = record.get("environment") or _asked_for(run)
    title = visible(f"{environment}, {run.name}".replace("\n", " "))
    lines = [f"# {title}", ""]
    updates, _ = split_log(entries)
    lines += _result(figures, run, record) if "best" in figures else _untested(updates, figures)
    try:
        draw_run(entries, run / "curves.png", title)
        lines += ["![curves](curves.png)", ""]
    except UsageError as error:
        lines += [f"No picture: {error}.", ""]
    lines += _health(updates) + throughput(updates) + resumed(updates) + _difficulty(updates)
    lines += lost_by(run)
    lines += examples(run)
    lines += _origin(run, record)
    page = run / "report.md"
    write_whole(page, "\n".join(lines).encode())
    return page


def _asked_for(run: Path) -> str:
    """Return the environment that the recipe of a run names, where no episode has told its own."""
    try:
        return str(recipe_tables(run)["env"]["id"])
    except (OSError, ValueError, LookupError):
        return "a run"


def _untested(updates: Sequence[Entry], figures: dict[str, Any]) -> list[str]:
    """Return the result of a run without evaluations: what its own episodes earned."""
    lines = ["## Result", "", "No evaluation on held-out tasks in the log.", ""]
    earned = [entry["reward"] for entry in updates if isinstance(entry.get("reward"), int | float)]
    if not earned:
        return lines
    taken = f"{figures['num_updates']} updates in {figures.get('train_seconds', 0):.0f} s of training"
    between = f"{_number(earned[0])} in the first and {_number(earned[-1])} in the last"
    return [*lines, f"{taken}; the mean return of their episodes was {between}.", ""]


def _result(figures: dict[str, Any], run: Path, record: dict[str, Any]) -> list[str]:
    lines = ["## Result", ""]
    if words := record.get("held_out_words"):
        lines += [f"Held-out tasks: {visible(str(words))}.", ""]
    points = [(name, figures[key]) for name, key in _POINTS if key in figures]
    lines += ["| held-out success | rate | 95 % interval | coverage | return |", "|---|---|---|---|---|"]
    for name, point in points:
        between = interval(point["ci_low"], point["ci_high"])
        lines.append(
            f"| {name} | {percent(point['success_rate'])} | {between} | {percent(point['coverage'])} | "
            f"{_number(point['reward'])} |"
        )
    if "last" in figures:
        if figures["after_evaluations"] > 1:
            averaged = f"mean of the last {figures['after_evaluations']} after training"
            after = _number(figures["after_return"])
            lines.append(f"| {averaged} | {percent(figures['after'])} | | | {after} |")
        lines.append(f"| mean over training time | {percent(figures['area'])} | | | |")
    else:
        lines += ["", "There was no evaluation after training."]
    if all(point["success_rate"] is None for _, point in points):
        lines += ["", 'Success is unknown: the environment does not say `info["won"]`. Look at the return.']
    lines += ["", f"{figures['num_updates']} updates in {figures.get('train_seconds', 0):.0f} s of training."]
    if best := figures.get("best"):
        lines += [
            "",
            f"Best checkpoint: after update {best['update']} ([best](best)), {_chosen(figures)}:",
            "",
            *_measuring(run, record),
        ]
    return [*lines, ""]


def _chosen(figures: dict[str, Any]) -> str:
    """Say what a best checkpoint was chosen from."""
    if figures["num_evaluations"] > 1:
        return "chosen by these tasks, so measure it on others"
    if figures["num_updates"]:
        return "the only one evaluated; `ckpt:RUN/checkpoints` names the last. Measure either on other tasks"
    return "from before training. Measure it on other tasks"


def _number(value: float | None) -> str:
    """Return a figure; what rounding leaves of a sum that is nothing is nothing."""
    return UNKNOWN if value is None else f"{0.0 if abs(value) < _NOTHING else value:.4g}"


def _health(updates: Sequence[Entry]) -> list[str]:
    """Show what users of other trainers miss: the state of the signal and of the policy."""
    if not updates:
        return []
    names = [
        ("credit/mean", "mean of the advantage"),
        ("credit/std", "standard deviation of the advantage"),
        ("credit/dead_groups", "share of groups without a signal"),
        ("credit/anchor_size", "mean size of an anchor group"),
        ("credit/penalty_only", "advantage from penalty alone"),
        ("clip_ratio", "share of clipped tokens"),
        ("entropy", "entropy in nats a token"),
        ("mismatch_kl", "KL between engine and learner"),
        ("rollout/errors", "failed episodes"),
        ("rollout/malformed", "malformed messages"),
        ("rollout/inadmissible", "inadmissible actions"),
        ("rollout/tokens_per_s", "tokens generated a second"),
        ("step_time", "seconds an update"),
    ]
    return ["## Signal and policy", "", *_first_and_last(updates, names), ""]


def _difficulty(updates: Sequence[Entry]) -> list[str]:
    """Show how difficult the tasks of training are, where they are remembered."""
    if not updates or "tasks/never" not in updates[-1]:
        return []
    names = [
        ("tasks/never", "never played"),
        ("tasks/unsolved", "never won"),
        ("tasks/between", "won in some episodes"),
        ("tasks/always", "won in every episode"),
        ("choosing/success", "what was known of the chosen tasks' success"),
    ]
    return ["## Difficulty: shares of the training tasks", "", *_first_and_last(updates, names), ""]


def _first_and_last(updates: Sequence[Entry], names: Sequence[tuple[str, str]]) -> list[str]:
    """Return a table of figures of the first update and of the last one."""
    lines = ["| | first update | last update |", "|---|---|---|"]
    for name, text in names:
        if name in updates[-1]:
            first = f"{updates[0][name]:.4g}" if name in updates[0] else ""
            lines.append(f"| {text} (`{name}`) | {first} | {updates[-1][name]:.4g} |")
    return lines


def _origin(run: Path, record: dict[str, Any]) -> list[str]:
    recipe = visible(shlex.quote(str(run / "recipe.toml")))
    again = runnable(f"`turnwise train {recipe} --out ANOTHER_FOLDER`")
    lines = [
        "## Where it comes from",
        "",
        f"Recipe: [recipe.toml](recipe.toml). Log: [log.jsonl](log.jsonl). Again: {again}.",
        "",
    ]
    if record:
        packages = record.get("packages", {})
        versions = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
        lines += [
            f"turnwise {record.get('turnwise')}, {_environment(record)}Python {record.get('python')}, "
            f"{versions}; {record.get('platform')}.",
            "",
        ]
    return lines


def _environment(record: dict[str, Any]) -> str:
    """Say which environment was met; nothing before the first update."""
    known = record.get("environment")
    return f"environment {known} with fingerprint {record.get('fingerprint')}, " if known else ""


def _measuring(run: Path, record: dict[str, Any]) -> list[str]:
    """Return the commands that measure a run's best checkpoint on tasks that did not choose it."""
    found = record.get("held_out") or [{"id": "ENV", "kwargs": {}}]
    played = ["--recipe", str(run / "recipe.toml")] if _played_by_program(run) else []
    lines = []
    for place in found:
        kwargs = dict(place["kwargs"])
        split = kwargs.pop("split", None)
        words = ["turnwise", "eval", "--env", str(place["id"])]
        words += ["--split", str(split)] if split else []
        for name, value in kwargs.items():
            words += ["-k", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
        lines.append(runnable("    " + visible(shlex.join([*words, "--agent", f"ckpt:{run}", *played]))))
    return lines


def _played_by_program(run: Path) -> bool:
    try:
        return bool(recipe_tables(run)["harness"]["command"])
    except (OSError, ValueError, LookupError):
        return False


def _area(evals: Sequence[Entry]) -> float | None:
    """Return the mean of the curve of success over its time, by trapezoids; None where it has a gap."""
    seconds = [entry["train_seconds"] for entry in evals]
    rates = [entry["eval/success_rate"] for entry in evals]
    if None in rates:
        return None
    span = seconds[-1] - seconds[0]
    if span <= 0:
        return float(rates[-1])
    pieces = zip(seconds, seconds[1:], rates, rates[1:], strict=False)
    return float(sum((end - begin) * (a + b) / 2 for begin, end, a, b in pieces) / span)
