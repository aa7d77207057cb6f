"""What a sweep shows while it goes on: a bar with the time left on a terminal, elsewhere a line an event."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ...shown import visible
from ..runs.time_left import TimeLeft, in_words


class Display:
    """The progress of a sweep, on standard error.

    Args:
        total: runs that are to be trained.
        shown: False shows nothing at all.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        self._total, self._num_ended, self._num_failed = total, 0, 0
        self._left, self._in_words = TimeLeft(), ""
        self._console = Console(stderr=True, quiet=not shown)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
        )
        disabled = not (shown and self._console.is_terminal)
        self._bar = Progress(*columns, console=self._console, transient=True, disable=disabled)
        self._task = self._bar.add_task("beginning", total=1.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(visible(text), highlight=False, markup=False, soft_wrap=True)

    def going(self, shares: Mapping[str, float]) -> None:
        """Show how much of what goes on is done, by the names of the runs."""
        share = (self._num_ended + sum(shares.values())) / max(1, self._total)
        self._in_words = in_words(self._left.of("sweep", share))
        failed = f", {self._num_failed} not done" if self._num_failed else ""
        text = f"{self._num_ended} of {self._total} ended{failed}{self._in_words}"
        self._bar.update(self._task, completed=share, description=text)

    def ended(self, name: str, failure: str) -> None:
        """Count a run that has ended, and say so; `failure` is why it is not done, "" if it is."""
        self._num_ended += 1
        self._num_failed += bool(failure)
        told = f"not done: {name}: {failure}" if failure else f"done: {name}"
        self.say(f"{told} ({self._num_ended} of {self._total}{self._in_words})")
