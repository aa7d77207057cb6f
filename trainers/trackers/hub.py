"""The trackers of a run, in a thread of their own: none of them holds the run up or stops it.

What fails is told once and left out from there on. What is slower than the run loses its oldest lines,
and that is told too; the run's own log has all of them.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ...agents.types import Trajectory
from ...errors import Stopped, UnknownName
from ...files import write_whole
from .base import TRACKERS, Tracked, Tracker, need
from .figures import figures_of, rows_of

log = logging.getLogger(__name__)

_KEPT = "trackers.json"
_MAX_WAITING = 1000
_FINISH_S = 30.0
Call = Callable[[Tracker], None]


def check(names: Sequence[str]) -> None:
    """See that trackers are there, before anything begins.

    Raises:
        UnknownName: for one that nobody has registered.
        UsageError: if its package is not installed.
    """
    for name in names:
        if name not in TRACKERS:
            raise UnknownName("log.to", name, TRACKERS)
        need(name)


@contextmanager
def tracking(names: Sequence[str], run: Tracked, say: Callable[[str], None]) -> Iterator[Trackers]:
    """Tell trackers of a run while the block goes on, and at its end how it ended."""
    trackers, ended = Trackers(names, run, say), "failed"
    try:
        yield trackers
        ended = "finished"
    except (KeyboardInterrupt, CancelledError, Stopped):
        ended = "stopped"
        raise
    finally:
        trackers.finish(ended)


class Trackers:
    """The trackers that a recipe names; without any, nothing at all.

    Args:
        names: of `TRACKERS`.
        run: what they are told of.
        say: shows a line to whoever watches the run.
    """

    def __init__(self, names: Sequence[str], run: Tracked, say: Callable[[str], None]) -> None:
        self._run, self._say = run, say
        self._names = list(dict.fromkeys(names))
        self._made: dict[str, Tracker] = {}
        self._waiting: queue.Queue[Call | None] = queue.Queue(_MAX_WAITING)
        self._num_lost = 0
        self._thread = threading.Thread(target=self._work, name="trackers", daemon=True)
        if self._names:
            self._thread.start()

    def figures(self, entry: Mapping[str, Any]) -> None:
        """Tell of a line of the log."""
        values, update = figures_of(entry), int(entry["update"])
        self._tell(lambda one: one.figures(values, update))

    def trajectories(self, trajectories: Sequence[Trajectory], update: int) -> None:
        """Tell of what an update was learned from."""
        if self._names and (rows := rows_of(trajectories)):
            self._tell(lambda one: one.turns(rows, update))

    def finish(self, ended: str) -> None:
        """Let every tracker end, for as long as that is bearable."""
        if not self._names:
            return
        self._tell(lambda one: one.finish(ended))
        self._put(None)
        self._thread.join(_FINISH_S)
        if self._thread.is_alive():
            self._say(
                f"log.to: {', '.join(self._made)} had not ended after {_FINISH_S:g} s, and is left behind"
            )
        if self._num_lost:
            self._say(f"log.to: {self._num_lost} lines were lost, since trackers were slower than the run")

    def _tell(self, call: Call) -> None:
        if self._names:
            self._put(call)

    def _put(self, call: Call | None) -> None:
        while True:
            try:
                self._waiting.put_nowait(call)
            except queue.Full:
                self._num_lost += 1
                self._drop_oldest()
            else:
                return

    def _drop_oldest(self) -> None:
        try:
            self._waiting.get_nowait()
        except queue.Empty:  # the thread was faster
            return

    def _work(self) -> None:
        for name in self._names:
            self._make(name)
        while (call := self._waiting.get()) is not None:
            for name, made in list(self._made.items()):
                self._guarded(name, partial(call, made))

    def _make(self, name: str) -> None:
        def made() -> None:
            kept = _read(self._run.folder)
            mine = kept.setdefault(name, {})
            self._made[name] = TRACKERS[name](self._run, mine)
            content = json.dumps({**_read(self._run.folder), name: mine}, indent=1).encode()
            write_whole(self._run.folder / _KEPT, content + b"\n")

        self._guarded(name, made)

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except (Exception, SystemExit) as error:  # of others' code; the run goes on
            log.info("the tracker %s failed", name, exc_info=True)
            self._made.pop(name, None)
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            self._say(f"log.to: {name} failed and is left out from here on: {cause[:1000]}")


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / _KEPT).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
