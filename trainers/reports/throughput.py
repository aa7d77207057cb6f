"""The page's words on where the time of a run went, and what held it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

Entry = dict[str, Any]
_SECONDS = (
    ("time/wait", "the learner waits for episodes"),
    ("time/sync", "weights on their way to the engine"),
    ("time/credit", "credit"),
    ("time/learner", "the learner's steps"),
)
_SHARES = (
    ("time/busy_learner", "learner at work"),
    ("time/busy_engine", "a message under way"),
    ("time/busy_environment", "a step under way"),
)


def throughput(updates: Sequence[Entry]) -> list[str]:
    """Return the section: seconds of an update, who was at work, how old tokens were, what held it up."""
    timed = [entry for entry in updates if "time/bottleneck" in entry]
    if not timed:
        return []
    lines = ["## Throughput", "", "| mean over the updates | |", "|---|---|"]
    lines += [f"| {text}, seconds (`{name}`) | {_mean(timed, name):.4g} |" for name, text in _SECONDS]
    shares = {text: (name, share) for name, text in _SHARES if (share := _mean(timed, name))}  # else unseen
    lines += [f"| {text}, of an update (`{name}`) | {share:.0%} |" for text, (name, share) in shares.items()]
    ages = [name for name in timed[-1] if name.startswith("staleness/")]
    lines += [f"| tokens {_aged(name)} (`{name}`) | {_mean(timed, name):.0%} |" for name in sorted(ages)]
    found, times = Counter(str(entry["time/bottleneck"]).partition(":")[0] for entry in timed).most_common(1)[
        0
    ]
    last = [entry for entry in timed if str(entry["time/bottleneck"]).partition(":")[0] == found][-1]
    return [
        *lines,
        "",
        f"In {times} of {len(timed)} updates it was held up by: {last['time/bottleneck']}.",
        "",
    ]


def _mean(entries: Sequence[Entry], name: str) -> float:
    return float(sum(entry.get(name, 0.0) for entry in entries) / len(entries))


def _aged(name: str) -> str:
    age = name.removeprefix("staleness/")
    return "too old to be learned from" if age == "masked" else f"{age} versions behind the learner"
