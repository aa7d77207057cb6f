"""What the time of an update went into, on the learner's side, and what share of it each side was at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Literal

Phase = Literal["sync", "wait", "credit", "learner"]


class Timeline:
    """What the learner of a run does, one phase after the other.

    Args:
        clock: in seconds.

    Attributes:
        doing: the phase that is under way; "" between them.
        since: when it began, by the clock.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._phases: list[tuple[Phase, float, float]] = []
        self.doing: Phase | Literal[""] = ""
        self.since = clock()

    def to(self, phase: Phase | Literal[""]) -> None:
        """Be in another phase from here on, or between two."""
        now = self._clock()
        if self.doing:
            self._phases.append((self.doing, self.since, now))
        self.doing, self.since = phase, now

    def take(self) -> list[tuple[Phase, float, float]]:
        """Return the phases since the last call: name, begin and end in seconds since the first began."""
        phases, self._phases = self._phases, []
        first = phases[0][1] if phases else 0.0
        return [(name, begin - first, end - first) for name, begin, end in phases]


def spent(phases: list[tuple[Phase, float, float]], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of an update's time for the log.

    Args:
        phases: of the update, of the learner's side.
        entry: the rest of its line; seconds of the engine's side are in time/policy and time/environment,
            which of episodes that play ahead are those since the groups before were taken.

    Returns:
        seconds of each phase, the phases as they came, and which share of the update learner, engine and
        environments were at work.
    """
    seconds = dict.fromkeys(("sync", "wait", "credit", "learner"), 0.0)
    for name, begin, end in phases:
        seconds[name] += end - begin
    total = max(sum(seconds.values()), 1e-9)
    busy = {
        "learner": (seconds["credit"] + seconds["learner"]) / total,
        "engine": min(1.0, entry.get("time/policy", 0.0) / total),
        "environment": min(1.0, entry.get("time/environment", 0.0) / total),
    }
    return {
        **{f"time/{name}": each for name, each in seconds.items()},
        **{f"time/busy_{name}": share for name, share in busy.items()},
        "time/timeline": [[name, round(begin, 6), round(end, 6)] for name, begin, end in phases],
    }
