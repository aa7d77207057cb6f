"""The line that shows how many episodes are done, the success rate so far and the time left."""

from __future__ import annotations

from typing import Any, Protocol

from ..shown import percent


class Ended(Protocol):
    """An episode that has ended; `success` is None where it is not known."""

    @property
    def success(self) -> bool | None:
        """Return whether it was won."""
        ...


class Progress:
    """A bar on standard error, where that is a terminal or a notebook; used with `with`.

    Args:
        total: episodes.
        shown: False counts alone.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        self._total, self._shown = total, shown
        self.num_ended = 0
        self._known = self._won = 0
        self._bar: Any = None

    def __enter__(self) -> Progress:
        """Show it."""
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            console = Console(stderr=True)
            quiet = not (console.is_terminal or console.is_jupyter)
            self._bar = Bar(*columns, console=console, transient=True, disable=quiet)
            self._bar.add_task("evaluating", total=self._total)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        if self._bar:
            self._bar.stop()

    def advance(self, ended: Ended) -> None:
        """Count one episode."""
        self.num_ended += 1
        self._known += ended.success is not None
        self._won += bool(ended.success)
        if self._bar:
            rate = f"success {percent(self._won / self._known if self._known else None)}"
            self._bar.update(self._bar.task_ids[0], advance=1, description=rate)
