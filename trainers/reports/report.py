"""The page about a run: what was trained, what it reached, how the agent plays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...agents.trajectories import read_trajectories
from ...agents.types import Trajectory
from ...errors import UsageError
from ...files import write_whole
from ..runs.best import best_of
from ..runs.log import read_log
from .curves import draw_run, split_log

Entry = dict[str, Any]
_MAX_SHOWN_CHARS = 300
_LAST = 3  # evaluations whose mean is the result: never the best point


def summarise(run: Path) -> dict[str, Any]:
    """Return the figures of a run: before, after, best practice of the protocol, totals.

    `after` is the mean of the last three evaluations; `area` the mean success over
    the whole run, weighted by training time.

    Raises:
        UsageError: if the folder holds no run.
    """
    updates, evals = split_log(read_log(run))
    evals = [entry for entry in evals if "eval/success_rate" in entry]
    figures: dict[str, Any] = {"run": run.name, "num_updates": len(updates), "num_evaluations": len(evals)}
    if updates:
        figures["train_seconds"] = updates[-1]["train_seconds"]
        figures["num_tokens"] = updates[-1].get("total_tokens")
    if evals:
        rates = [entry["eval/success_rate"] for entry in evals]
        figures["before"] = {key: evals[0][f"eval/{key}"] for key in ("success_rate", "ci_low", "ci_high")}
        figures["last"] = {key: evals[-1][f"eval/{key}"] for key in ("success_rate", "ci_low", "ci_high")}
        figures["after"] = sum(rates[-_LAST:]) / len(rates[-_LAST:])
        chosen = best_of(run)
        figures["best"] = asdict(chosen) if chosen else None
        figures["area"] = _area([entry["train_seconds"] for entry in evals], rates)
    return figures


def write_report(run: Path) -> Path:
    """Write RUN/report.md and RUN/curves.png.

    Returns:
        the path of the page.

    Raises:
        UsageError: if the folder holds no run.
    """
    entries = read_log(run)
    figures = summarise(run)
    record = _record(run)
    title = f"{record.get('environment', 'a run')}, {run.name}"
    lines = [f"# {title}", ""]
    lines += _result(figures)
    try:
        draw_run(entries, run / "curves.png", title)
        lines += ["![curves](curves.png)", ""]
    except UsageError as error:
        lines += [f"No picture: {error}.", ""]
    updates, _ = split_log(entries)
    lines += _health(updates)
    lines += _examples(run)
    lines += _origin(record)
    page = run / "report.md"
    write_whole(page, "\n".join(lines).encode())
    return page


def _result(figures: dict[str, Any]) -> list[str]:
    lines = ["## Result", ""]
    if "before" not in figures:
        return [*lines, "No evaluation on held-out tasks in the log.", ""]
    before, last = figures["before"], figures["last"]
    lines += ["| held-out success | rate | 95 % interval |", "|---|---|---|"]
    for name, point in (("before training", before), ("after training", last)):
        lines.append(
            f"| {name} | {_percent(point['success_rate'])} | "
            f"{_percent(point['ci_low'])} to {_percent(point['ci_high'])} |"
        )
    lines.append(
        f"| mean of the last {min(_LAST, figures['num_evaluations'])} | {_percent(figures['after'])} | |"
    )
    lines.append(f"| mean over training time | {_percent(figures['area'])} | |")
    lines += ["", f"{figures['num_updates']} updates in {figures.get('train_seconds', 0):.0f} s of training."]
    if best := figures.get("best"):
        lines += [
            "",
            f"Best checkpoint: after update {best['update']} ([best](best)). These tasks chose it, so "
            "measure it on others: `turnwise eval --agent ckpt:RUN`.",
        ]
    return [*lines, ""]


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
    lines = ["## Signal and policy", "", "| | first update | last update |", "|---|---|---|"]
    lines += [
        f"| {text} (`{name}`) | {updates[0][name]:.4g} | {updates[-1][name]:.4g} |"
        for name, text in names
        if name in updates[0] and name in updates[-1]
    ]
    return [*lines, ""]


def _examples(run: Path) -> list[str]:
    files = sorted((run / "trajectories").glob("update-*.jsonl.gz"))
    if not files:
        return []
    first, last = read_trajectories(files[0]), read_trajectories(files[-1])
    lines = ["## How the agent plays", ""]
    for heading, found in (
        ("Before training, a failure", _pick(first, success=False)),
        ("At the end, the shortest success", _pick(last, success=True)),
        ("At the end, a failure", _pick(last, success=False)),
    ):
        if found is not None:
            lines += [f"### {heading}", "", *_transcript(found), ""]
    return lines


def _pick(trajectories: Sequence[Trajectory], *, success: bool) -> Trajectory | None:
    chosen = [
        trajectory
        for trajectory in trajectories
        if trajectory.counts and bool(trajectory.success) is success and trajectory.turns
    ]
    return min(chosen, key=lambda trajectory: len(trajectory.turns)) if chosen else None


def _transcript(trajectory: Trajectory) -> list[str]:
    lines = ["```", *_shorten(trajectory.turns[0].observation).splitlines()]
    for turn in trajectory.turns:
        if turn.index:
            lines.append(_shorten(turn.observation))
        mark = " [malformed]" if turn.malformed else " [inadmissible]" if turn.inadmissible else ""
        lines.append(f"> {_shorten(turn.action)}{mark}")
    lines.append(_shorten(trajectory.final_observation))
    lines.append(
        f"({trajectory.end} after {len(trajectory.turns)} turns, return {trajectory.episode_return:g})"
    )
    return [*(line.replace("```", "'''") for line in lines), "```"]


def _origin(record: dict[str, Any]) -> list[str]:
    lines = [
        "## Where it comes from",
        "",
        "Recipe: [recipe.toml](recipe.toml). Log: [log.jsonl](log.jsonl). "
        "Again: `turnwise train recipe.toml --out ANOTHER_FOLDER`.",
        "",
    ]
    if record:
        packages = record.get("packages", {})
        versions = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
        lines += [
            f"turnwise {record.get('turnwise')}, environment {record.get('environment')} with fingerprint "
            f"{record.get('fingerprint')}, Python {record.get('python')}, {versions}; "
            f"{record.get('platform')}.",
            "",
        ]
    return lines


def _record(run: Path) -> dict[str, Any]:
    path = run / "run.json"
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    return record if isinstance(record, dict) else {}


def _area(seconds: Sequence[float], rates: Sequence[float]) -> float:
    """Return the mean of a curve over its time, by trapezoids."""
    span = seconds[-1] - seconds[0]
    if span <= 0:
        return rates[-1]
    pieces = zip(seconds, seconds[1:], rates, rates[1:], strict=False)
    return sum((end - begin) * (a + b) / 2 for begin, end, a, b in pieces) / span


def _shorten(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _MAX_SHOWN_CHARS else text[: _MAX_SHOWN_CHARS - 4] + " ..."


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"
