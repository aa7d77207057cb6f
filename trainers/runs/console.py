"""What a run shows in the terminal: a bar with the time left, and a table of evaluations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from ...shown import UNKNOWN, interval, percent, runnable, visible
from .time_left import TimeLeft, in_words

_LOW_COVERAGE = 0.9  # below it an evaluation is told with a warning


_BAR, _SHORT_BAR, _WIDE = 30, 10, 110  # characters
_IN_TABLE = {f"eval/{name}" for name in ("success_rate", "ci_low", "ci_high", "coverage", "reward", "turns")}
_BAR_S, _LINE_S = 5.0, 60.0  # between two words on what is under way
_BESIDE = 34  # per cent, hours, minutes and seconds, the time left, and the gaps between them


class _Elapsed(ProgressColumn):
    """The time since the run began; rich's own stands still once a first part has come to its end."""

    def render(self, task: Task) -> Text:
        return Text(str(timedelta(seconds=int(task.elapsed or 0))), style="progress.elapsed")


class RunDisplay:
    """The progress of a run; on a terminal a live bar, elsewhere a line an update.

    Args:
        enabled: False shows nothing at all.
        console: where to; standard error by default, so that standard output stays free.
        held_out: which tasks the evaluations are of.
    """

    def __init__(self, enabled: bool = True, console: Console | None = None, held_out: str = "") -> None:
        self.console = console or Console(stderr=True, quiet=not enabled)
        self._of = f" ({held_out})" if held_out else ""
        self._evaluations: list[dict[str, Any]] = []
        self._bar = _BAR if self.console.width >= _WIDE else _SHORT_BAR
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=self._bar),
            TextColumn("{task.percentage:>3.0f}%"),
            _Elapsed(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            disable=not (enabled and self.console.is_terminal),
        )
        self._task = self._progress.add_task("starting", total=1.0, left="")
        self._left = TimeLeft()
        self._said = ("", 0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(runnable(visible(text)), highlight=False, markup=False, soft_wrap=True)

    def working(self, text: str, share: float) -> None:
        """Show what is done before training begins: in the bar, elsewhere a line each tenth."""
        self._progress.update(self._task, completed=min(1.0, share), description=self._fitting(text))
        left = in_words(self._left.of(text.partition(":")[0], share))
        self._progress.update(self._task, left=left.lstrip(", "))
        point = (text.partition(":")[0], int(10 * min(1.0, share)))
        if not self.console.is_terminal and point != self._said:
            self._said = point
            self.say(f"{100 * min(1.0, share):3.0f} %  {text}{left}")

    @property
    def every_s(self) -> float:
        """Return how often what is under way is worth a word: a bar is there to be looked at, lines stay."""
        return _BAR_S if self.console.is_terminal else _LINE_S

    def under_way(self, text: str) -> None:
        """Show what lasts: in the bar, elsewhere a line."""
        self._progress.update(self._task, description=self._fitting(text))
        if not self.console.is_terminal:
            self.say(f"       {text}")

    def counting(self, text: str, total: int) -> Callable[[object], None]:
        """Return what is called as each of some parts ends, and shows now and then how many have."""
        told, number = perf_counter(), 0

        def ended(_: object) -> None:
            nonlocal told, number
            number += 1
            if perf_counter() - told >= self.every_s:
                told = perf_counter()
                self.under_way(f"{text}: {number} of {total} episodes")

        return ended

    def update(self, share: float, entry: Mapping[str, Any]) -> None:
        """Show an update; `share` of the run is done."""
        text = describe(entry)
        left = in_words(self._left.of("training", share, entry.get("train_seconds", 0.0)))
        self._progress.update(self._task, completed=min(1.0, share), description=self._fitting(text))
        self._progress.update(self._task, left=left.lstrip(", "))
        if not self.console.is_terminal:
            self.say(f"{100 * min(1.0, share):3.0f} %  {text}{left}")

    def _fitting(self, text: str) -> str:
        """Return as much of a text as leaves room for the figures beside it."""
        room = max(8, self.console.width - self._bar - _BESIDE)
        return text if len(text) <= room else text[: room - 3] + "..."

    def evaluated(self, entry: Mapping[str, Any]) -> None:
        """Show an evaluation and keep it for the table."""
        self._evaluations.append(dict(entry))
        self.say(f"evaluation after update {entry['update']}{self._of}: {_outcome(entry)}")
        if entry["eval/success_rate"] is not None and entry["eval/coverage"] < _LOW_COVERAGE:
            untold = entry["eval/episodes"] - _num_scored(entry)
            self.say(
                f"warning: that rate is over {percent(entry['eval/coverage'])} of the tasks; of the others "
                f"{entry['eval/errors']:.0f} failed for the machine's reasons, and of {untold:.0f} the "
                "environment did not say whether they were won"
            )

    def resumed(self, log: Iterable[Mapping[str, Any]]) -> None:
        """Keep the evaluations of a log for the table: those before this process are the run's too."""
        self._evaluations += [
            dict(entry) for entry in log if entry.keys() >= _IN_TABLE
        ]  # an older one has less

    def table(self) -> None:
        """Print all evaluations as a table, if there were any."""
        if not self._evaluations:
            return
        self.console.print(f"\nheld-out tasks{self._of}", markup=False, highlight=False)
        table = Table(box=None, pad_edge=False)
        for name in ("update", "success", "95 % interval", "coverage", "reward", "turns"):
            table.add_column(name, justify="right")
        for entry in self._evaluations:
            table.add_row(
                str(entry["update"]),
                percent(entry["eval/success_rate"]),
                interval(entry["eval/ci_low"], entry["eval/ci_high"], 0),
                percent(entry["eval/coverage"], 0),
                f"{entry['eval/reward']:.3f}",
                f"{entry['eval/turns']:.1f}",
            )
        self.console.print(table)


def describe(entry: Mapping[str, Any]) -> str:
    """Return an update in one line."""
    parts = [f"update {entry['update']}"]
    for key, label in (("success_rate", "success"), ("reward", "reward"), ("entropy", "entropy")):
        if key in entry:
            parts.append(f"{label} {UNKNOWN if entry[key] is None else format(entry[key], '.2f')}")
    return "  ".join(parts)


def _outcome(entry: Mapping[str, Any]) -> str:
    rates = [
        f", {key.removeprefix('eval/').removesuffix('/success_rate')} {percent(rate)}"
        for key, rate in entry.items()
        if key.endswith("/success_rate") and key != "eval/success_rate"
    ]
    solved = f"success {UNKNOWN} (the environment does not say info['won'])"
    if entry["eval/success_rate"] is not None:
        solved = (
            f"{percent(entry['eval/success_rate'])} of {_num_scored(entry)} tasks solved, "
            f"coverage {percent(entry['eval/coverage'])}"
        )
    return (
        f"{solved}, mean return {entry['eval/reward']:.3f}, {entry['eval/turns']:.1f} turns{''.join(rates)}"
    )


def _num_scored(entry: Mapping[str, Any]) -> int:
    """Return of how many tasks the environment said whether they were won."""
    num_tasks = float(entry["eval/episodes"] + entry["eval/errors"])
    return round(float(entry["eval/coverage"]) * num_tasks)
