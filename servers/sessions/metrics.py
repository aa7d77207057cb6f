"""Counters of a server, in the plain text that Prometheus reads: what environments do, each by its id."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BOUNDS_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_OF_ENVS = {
    "sessions_created": "Sessions made by create.",
    "sessions_forked": "Sessions made by fork.",
    "resets": "Episodes started by reset.",
    "environment_errors": "Calls in which an environment broke its contract.",
}
_OF_SERVER = {
    "sessions_closed": "Sessions closed by their owner or by the end of their lease.",
    "sessions_expired": "Sessions closed by the end of their lease.",
    "sessions_rebuilt": "Sessions rebuilt from their journal.",
    "sessions_moved": "Sessions that have moved to another server.",
    "replays_diverged": "Sessions whose replay differed from their journal.",
    "workers_replaced": "Environment processes that were replaced.",
    "journal_commits_lost": "Commits of the journal that could not be read at the start.",
}
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(slots=True)
class _OfEnv:
    """What was counted of one environment."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_OF_ENVS, 0))
    ends: Counter[str] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS_S) + 1))
    step_s: float = 0.0

    def absorb(self, state: Mapping[str, Any]) -> None:
        _add(self.counts, state["counts"])
        self.ends.update(state["ends"])
        self.buckets = [ours + more for ours, more in zip(self.buckets, state["buckets"], strict=True)]
        self.step_s += state["step_s"]


class Metrics:
    """Counters of what a service does; environments are those on offer, so that they are few."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_OF_SERVER, 0)
        self._refused: Counter[str] = Counter()
        self._envs: defaultdict[str, _OfEnv] = defaultdict(_OfEnv)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter of the server."""
        self._counts[name] += number

    def count_of(self, env_id: str, name: str) -> None:
        """Add one to a counter of an environment."""
        self._envs[env_id].counts[name] += 1

    def note(self, name: str, number: int) -> None:
        """Set a counter that is kept elsewhere."""
        self._counts[name] = number

    def stepped(self, env_id: str, seconds: float, end: str | None) -> None:
        """Count a step, how long it took, and the end of its episode if it ended."""
        env = self._envs[env_id]
        env.buckets[bisect_left(_BOUNDS_S, seconds)] += 1
        env.step_s += seconds
        if end is not None:
            env.ends[end] += 1

    def refused(self, code: str) -> None:
        """Count a call that was answered with a problem."""
        self._refused[code] += 1

    def state(self) -> dict[str, Any]:
        """Return everything counted, for another process to add up."""
        envs = {
            env_id: {"counts": env.counts, "ends": env.ends, "buckets": env.buckets, "step_s": env.step_s}
            for env_id, env in self._envs.items()
        }
        return {"counts": self._counts, "refused": self._refused, "envs": envs}

    def absorb(self, state: Mapping[str, Any]) -> None:
        """Add what another process has counted."""
        _add(self._counts, state["counts"])
        self._refused.update(state["refused"])
        for env_id, counted in state["envs"].items():
            self._envs[env_id].absorb(counted)

    def render(self, open_sessions: Mapping[str, int]) -> str:
        """Write everything in Prometheus' text format.

        Args:
            open_sessions: environment -> how many of its sessions are open.
        """
        names = sorted({*self._envs, *open_sessions})
        envs = [(_label("env", name), self._envs[name]) for name in names]
        text = "Sessions that are open."
        lines = _family(
            "sessions_open", text, "gauge", {_label("env", n): open_sessions.get(n, 0) for n in names}
        )
        for name, text in _OF_ENVS.items():
            values = {label: env.counts[name] for label, env in envs}
            lines += _family(f"{name}_total", text, "counter", values)
        for name, text in _OF_SERVER.items():
            lines += _family(f"{name}_total", text, "counter", {"": self._counts[name]})
        ends = {
            f"{label},{_label('end', end)}": env.ends[end] for label, env in envs for end in sorted(env.ends)
        }
        lines += _family("episodes_total", "Episodes by their end.", "counter", ends)
        codes = {_label("code", code): number for code, number in sorted(self._refused.items())}
        lines += _family("refused_total", "Calls refused, by code.", "counter", codes)
        lines += _head("step_seconds", "Time of a step inside the server.", "histogram")
        return "\n".join([*lines, *(line for label, env in envs for line in _histogram(label, env))]) + "\n"


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        counts[name] += number


def _histogram(label: str, env: _OfEnv) -> list[str]:
    lines, below = [], 0
    for bound, number in zip((*_BOUNDS_S, "+Inf"), env.buckets, strict=True):
        below += number
        lines.append(_row("step_seconds_bucket", f'{label},le="{bound}"', below))
    return [
        *lines,
        _row("step_seconds_sum", label, f"{env.step_s:.6f}"),
        _row("step_seconds_count", label, below),
    ]


def _family(name: str, text: str, kind: str, values: Mapping[str, int]) -> list[str]:
    return [*_head(name, text, kind), *(_row(name, labels, value) for labels, value in values.items())]


def _head(name: str, text: str, kind: str) -> list[str]:
    return [f"# HELP turnwise_{name} {text}", f"# TYPE turnwise_{name} {kind}"]


def _row(name: str, labels: str, value: int | str) -> str:
    return f"turnwise_{name}{{{labels}}} {value}" if labels else f"turnwise_{name} {value}"


def _label(name: str, value: str) -> str:
    return f'{name}="{value.translate(_ESCAPED)}"'
