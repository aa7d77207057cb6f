"""What the log of a training tells of its updates: time, throughput, and how old tokens were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from record import Finding

Entry = dict[str, Any]
_SECONDS = {
    "time/policy": "generate",
    "time/wait": "wait for episodes",
    "time/sync": "bring weights",
    "time/learner": "learn",
}


def told(name: str, updates: Sequence[Entry], expected: int) -> Iterator[Finding]:
    """Tell how many updates there were, and where the time of all but the first went.

    Args:
        name: of the run.
        updates: their lines of the log.
        expected: how many there should be.
    """
    done, later = len(updates), updates[1:]
    yield Finding("ahead", f"{name}: updates", done, "", done == expected, str(expected))
    for key, what in _SECONDS.items():
        yield Finding("ahead", f"{name}: {what}", _mean(later, key), "s an update")
    learner, engine = (_mean(later, f"time/busy_{side}") for side in ("learner", "engine"))
    yield Finding("ahead", f"{name}: learner at work", learner, "of an update")
    yield Finding("ahead", f"{name}: engine at work", engine, "of an update")
    yield Finding("ahead", f"{name}: both at once, at least", max(0.0, learner + engine - 1), "of an update")
    yield Finding("ahead", f"{name}: held up by", later[-1]["time/bottleneck"])
    yield Finding("ahead", f"{name}: throughput", tokens_a_second(later), "tokens said a second")


def ages(updates: Sequence[Entry], most: int) -> Iterator[Finding]:
    """Tell how old tokens were when they were learned, and how far engine and learner lay apart.

    Args:
        updates: their lines of the log.
        most: how many versions behind a token may be.
    """
    share = {age: _mean(updates, f"staleness/{age}") for age in (*range(most + 1), "masked")}
    came = sum(share[age] for age in range(1, most + 1))
    yield Finding("ahead", "tokens of the learner's version", share[0], "of all")
    yield Finding("ahead", f"tokens up to {most} behind it", came, "of all", came > 0, "above 0")
    masked, whole = share["masked"], sum(share.values())
    yield Finding("ahead", "older ones, masked", masked, "of all", abs(whole - 1) < 1e-6, "what is left of 1")
    worst = max(entry["sync/worst_nats"] for entry in updates)
    yield Finding("ahead", "engine and learner after weights came, largest", worst, "nats")
    yield Finding("ahead", "old/behaviour before it is cut", _mean(updates, "off_policy/uncut"))


def _mean(updates: Sequence[Entry], key: str) -> float:
    return sum(float(entry[key]) for entry in updates) / len(updates)


def tokens_a_second(updates: Sequence[Entry]) -> float:
    """Return how many tokens were said and learned in a second of some updates."""
    said = sum(entry["rollout/tokens"] for entry in updates)
    return float(said / sum(entry["step_time"] for entry in updates))
