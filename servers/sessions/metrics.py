"""Counters of a server, in the plain text that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

_BOUNDS_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_HELP = {
    "sessions_created": "Sessions made by create.",
    "sessions_forked": "Sessions made by fork.",
    "sessions_closed": "Sessions closed by their owner or by the end of their lease.",
    "sessions_expired": "Sessions closed by the end of their lease.",
    "sessions_rebuilt": "Sessions rebuilt from their journal.",
    "replays_diverged": "Sessions whose replay differed from their journal.",
    "resets": "Episodes started by reset.",
    "environment_errors": "Calls in which an environment broke its contract.",
    "workers_replaced": "Environment processes that were replaced.",
    "journal_commits_lost": "Commits of the journal that could not be read at the start.",
}


class Metrics:
    """Counters of what a service does."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter(dict.fromkeys(_HELP, 0))
        self._ends: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._buckets = [0] * (len(_BOUNDS_S) + 1)
        self._step_s = 0.0

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter."""
        self._counts[name] += number

    def note(self, name: str, number: int) -> None:
        """Set a counter that is kept elsewhere."""
        self._counts[name] = number

    def stepped(self, seconds: float, end: str | None) -> None:
        """Count a step, how long it took, and the end of its episode if it ended."""
        self._buckets[bisect_left(_BOUNDS_S, seconds)] += 1
        self._step_s += seconds
        if end is not None:
            self._ends[end] += 1

    def refused(self, code: str) -> None:
        """Count a call that was answered with a problem."""
        self._refused[code] += 1

    @property
    def steps(self) -> int:
        """Return how many steps were taken."""
        return sum(self._buckets)

    def state(self) -> dict[str, Any]:
        """Return everything counted, for another process to add up."""
        return {
            "counts": dict(self._counts),
            "ends": dict(self._ends),
            "refused": dict(self._refused),
            "buckets": self._buckets,
            "step_s": self._step_s,
        }

    def absorb(self, state: dict[str, Any]) -> None:
        """Add what another process has counted."""
        self._counts.update(state["counts"])
        self._ends.update(state["ends"])
        self._refused.update(state["refused"])
        self._buckets = [ours + more for ours, more in zip(self._buckets, state["buckets"], strict=True)]
        self._step_s += state["step_s"]

    def render(self, open_sessions: int) -> str:
        """Write everything in Prometheus' text format."""
        lines = [
            "# HELP turnwise_sessions_open Sessions that are open.",
            "# TYPE turnwise_sessions_open gauge",
            f"turnwise_sessions_open {open_sessions}",
        ]
        for name, text in _HELP.items():
            lines += _head(f"turnwise_{name}_total", text, "counter")
            lines.append(f"turnwise_{name}_total {self._counts[name]}")
        lines += _labelled("turnwise_episodes_total", "Episodes by their end.", "end", self._ends)
        lines += _labelled("turnwise_refused_total", "Calls refused, by code.", "code", self._refused)
        lines += _head("turnwise_step_seconds", "Time of a step inside the server.", "histogram")
        below = 0
        for bound, number in zip((*_BOUNDS_S, "+Inf"), self._buckets, strict=True):
            below += number
            lines.append(f'turnwise_step_seconds_bucket{{le="{bound}"}} {below}')
        lines += [f"turnwise_step_seconds_sum {self._step_s:.6f}", f"turnwise_step_seconds_count {below}"]
        return "\n".join(lines) + "\n"


def _head(name: str, text: str, kind: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _labelled(name: str, text: str, label: str, counts: Counter[str]) -> list[str]:
    rows = [f'{name}{{{label}="{key}"}} {number}' for key, number in sorted(counts.items())]
    return _head(name, text, "counter") + rows
