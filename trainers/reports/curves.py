"""What a run's log says, drawn as a PNG picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...files import write_whole

Entry = dict[str, Any]

_BLUE, _ORANGE, _GREY, _GREEN = "#2a6fbb", "#d9822b", "#8a8f98", "#3a9a5c"


def split_log(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return (updates, evaluations) of a run's log, in order."""
    updates = [entry for entry in entries if entry.get("kind") == "update"]
    return updates, [entry for entry in entries if entry.get("kind") == "eval"]


def draw_run(entries: Sequence[Entry], path: Path, title: str) -> None:
    """Draw success, signal, policy change and time of one run in four panels.

    Raises:
        UsageError: if matplotlib is not installed.
    """
    plot = pyplot()
    updates, evals = split_log(entries)
    figure, axes = plot.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    figure.suptitle(title, parse_math=False)
    _success(axes[0][0], updates, evals)
    _lines(
        axes[0][1], updates, ("credit/dead_groups", "frac_reward_zero_std"), "groups without a signal", (0, 1)
    )
    _lines(axes[1][0], updates, ("entropy", "clip_ratio", "kl"), "policy", None)
    _times(axes[1][1], updates)
    figure.supxlabel("update", fontsize=10)
    _save(figure, path)
    plot.close(figure)


def _scored(evals: Sequence[Entry]) -> list[Entry]:
    """Return the evaluations whose success is known."""
    return [entry for entry in evals if entry.get("eval/success_rate") is not None]


def _success(axis: Any, updates: Sequence[Entry], evals: Sequence[Entry]) -> None:
    shown = [entry for entry in updates if entry.get("success_rate") is not None]
    axis.plot(
        [entry["update"] for entry in shown],
        [entry["success_rate"] for entry in shown],
        color=_GREY,
        linewidth=1,
        label="training tasks",
    )
    held_out = _scored(evals)
    if held_out:
        rates = [entry["eval/success_rate"] for entry in held_out]
        below = [rate - entry["eval/ci_low"] for rate, entry in zip(rates, held_out, strict=True)]
        above = [entry["eval/ci_high"] - rate for rate, entry in zip(rates, held_out, strict=True)]
        axis.errorbar(
            [entry["update"] for entry in held_out],
            rates,
            yerr=[below, above],
            color=_BLUE,
            marker="o",
            markersize=4,
            capsize=3,
            label="held-out tasks, 95 % interval",
        )
    unknown = "" if shown or held_out else ": unknown"
    axis.set(title=f"success rate{unknown}", ylim=(0, 1))
    _over_updates(axis)
    axis.legend(loc="lower right", fontsize=8)


def _lines(
    axis: Any, updates: Sequence[Entry], names: Sequence[str], title: str, limits: tuple[float, float] | None
) -> None:
    for name, colour in zip(names, (_BLUE, _ORANGE, _GREEN), strict=False):
        shown = [entry for entry in updates if name in entry]
        if shown:
            axis.plot(
                [entry["update"] for entry in shown],
                [entry[name] for entry in shown],
                color=colour,
                label=name,
            )
    axis.set(title=title)
    if limits:
        axis.set_ylim(*limits)
    _over_updates(axis)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=8)


def _times(axis: Any, updates: Sequence[Entry]) -> None:
    names = ("time/wait", "time/sync", "time/credit", "time/learner")
    shown = [entry for entry in updates if all(name in entry for name in names)]
    if shown:
        axis.stackplot(
            [entry["update"] for entry in shown],
            *([entry[name] for entry in shown] for name in names),
            labels=[name.removeprefix("time/") for name in names],
            colors=(_GREEN, _BLUE, _GREY, _ORANGE),
            alpha=0.8,
        )
        axis.legend(fontsize=8, loc="upper right")
    axis.set(title="seconds an update")
    _over_updates(axis)


def _over_updates(axis: Any) -> None:
    """Let an axis count updates, which are whole; what it counts is said once below all panels."""
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)


def _save(figure: Any, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_whole(path, buffer.getvalue())


def pyplot() -> Any:
    """Return matplotlib's pyplot, set to write files.

    Raises:
        UsageError: if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError("pictures need matplotlib: pip install 'turnwise[plots]'") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot as plot

    return plot
